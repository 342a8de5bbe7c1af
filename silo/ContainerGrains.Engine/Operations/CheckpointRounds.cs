namespace ContainerGrains.Engine;

/// <summary>
/// How long a checkpoint goes on with rounds: as long as they leave much less than the one before, and the file does not become twice
/// what the first one wrote. A writer that is faster than the file ends them, and is not slowed down.
/// </summary>
internal sealed class CheckpointRounds
{
    private const int Most = 8;
    // Copied in the freeze in about a millisecond: less cannot be felt.
    private const long SmallBytes = 2 << 20;
    private const double WorthwhileShare = 0.75;

    private long _first, _before;

    /// <summary>Bytes of all rounds so far.</summary>
    public long Bytes { get; private set; }

    public int Count { get; private set; }

    /// <summary>Takes the round that has just ended into account, and says whether another one is worth while.</summary>
    public bool Another(long bytes)
    {
        Bytes += bytes;
        (long before, _before) = (_before, bytes);
        // The first says nothing of what is written meanwhile.
        if (++Count == 1)
        {
            _first = bytes;
            return true;
        }
        return bytes > SmallBytes && bytes <= before * WorthwhileShare && Bytes + bytes <= 2 * _first && Count < Most;
    }
}
