namespace ContainerGrains.Silo;

/// <summary>
/// Control frames of the data channel. S: sent by the source, T: by the target. After Round and CutOverBegin the engine's own
/// bytes follow, up to the engine's own end mark.
/// </summary>
internal enum FrameType : byte
{
    /// <summary>S: the ticket and what the container needs.</summary>
    Offer = 1,
    /// <summary>T: go on.</summary>
    Accept = 2,
    /// <summary>T: not here, with the reason.</summary>
    Refuse = 3,
    /// <summary>S: a pre-copy round's pages follow.</summary>
    Round = 4,
    /// <summary>S: what the round was.</summary>
    RoundEnd = 5,
    /// <summary>T: the round is in the shadow.</summary>
    RoundTaken = 6,
    /// <summary>T: freeze, and send the rest.</summary>
    CutOver = 7,
    /// <summary>S: it freezes now; the rest follows.</summary>
    CutOverBegin = 8,
    /// <summary>S: what the freeze and the dump took.</summary>
    CutOverEnd = 9,
    /// <summary>T: the record says that the target owns the container.</summary>
    Committed = 10,
    /// <summary>S: network frames that came during the freeze, to be replayed.</summary>
    HeldFrames = 11,
    /// <summary>Both: the move is given up, with the reason.</summary>
    Abort = 12,
}
