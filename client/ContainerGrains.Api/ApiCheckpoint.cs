namespace ContainerGrains.Api;

/// <summary>A checkpoint that was written.</summary>
public sealed record ApiCheckpoint
{
    public required string Name { get; init; }
    public required string Host { get; init; }
    /// <summary>The image file: on the host, or after <c>cg suspend -o</c> on the caller's machine.</summary>
    public required string Path { get; init; }
    public long Bytes { get; init; }
    /// <summary>How long it stood still: from the freeze until it ran again, or was gone.</summary>
    public double FrozenMs { get; init; }
    public double TotalMs { get; init; }
    public int Processes { get; init; }
    /// <summary>How often memory was written while it ran.</summary>
    public int Rounds { get; init; }
}

public sealed record ApiCheckpointRequest
{
    /// <summary>Absolute path on the container's host; null lets the host choose.</summary>
    public string? Path { get; init; }
}

public sealed record ApiRestoreRequest
{
    /// <summary>Image on the host; null is the last checkpoint.</summary>
    public string? Path { get; init; }
    public string? Host { get; init; }
}
