namespace ContainerGrains.Grains;

/// <summary>A pre-copy round as <see cref="RoundModel"/> sees it. Rounds follow one another at once.</summary>
/// <param name="DirtyPages">Pages that it found written since the one before, and sent.</param>
/// <param name="Ms">From its begin until the target had taken it.</param>
public readonly record struct RoundSample(long DirtyPages, long Bytes, double Ms);
