namespace ContainerGrains.Grains;

/// <summary>
/// For the side of a move that holds a copy and hears nothing from the other: asks the record, and may write its own claim
/// with the record's ETag. The record decides, never a timer alone. Throws when the store does not answer: the copy stays
/// frozen, and the caller asks again.
/// </summary>
public interface IMoveArbiter
{
    Task<MoveVerdict> ReadAsync(MoveIdentity move, CancellationToken cancellationToken);

    /// <summary>The source takes an undecided container back (generation + 1). Only <see cref="MoveVerdict.Source"/> lets it thaw.</summary>
    Task<MoveVerdict> ReclaimAsync(MoveIdentity move, ContainerErrorCode code, string reason, CancellationToken cancellationToken);

    /// <summary>The target, complete, takes an undecided container whose source is silent. Only <see cref="MoveVerdict.Target"/> lets it thaw.</summary>
    Task<MoveVerdict> ClaimAsync(MoveIdentity move, RunningState running, CancellationToken cancellationToken);
}
