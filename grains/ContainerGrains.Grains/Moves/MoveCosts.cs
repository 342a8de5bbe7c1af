namespace ContainerGrains.Grains;

/// <summary>What a move from this host takes beside its rounds.</summary>
/// <param name="FreezeMs">A freeze without the time for its pages.</param>
/// <param name="HandOverMs">From the last round to the freeze; the container runs and writes meanwhile.</param>
/// <param name="LinkBytesPerSecond">What a link carried last; null when nothing has moved yet.</param>
public sealed record MoveCosts(double FreezeMs, double HandOverMs, double? LinkBytesPerSecond)
{
    /// <summary>Believed of a host from which nothing has moved yet.</summary>
    public static readonly MoveCosts Default = new(FreezeMs: 10, HandOverMs: 20, LinkBytesPerSecond: null);

    /// <summary>A whole move with one round, as far as it can be known before that round; null when no link was measured yet.</summary>
    public double? EtaMs(long bytes) => LinkBytesPerSecond is { } rate ? bytes / rate * 1000 + HandOverMs + FreezeMs : null;
}
