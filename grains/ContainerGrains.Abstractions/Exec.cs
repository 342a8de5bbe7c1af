namespace ContainerGrains;

/// <summary>A further process for a running container. Lists are kept as arrays, as in <see cref="ContainerSpec"/>.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ExecRequest")]
public sealed record ExecRequest
{
    [Id(0)] public required IReadOnlyList<string> Args { get; init => field = value.ToArray(); }
    /// <summary>Added to the container's environment.</summary>
    [Id(1)] public IReadOnlyList<string> Env { get; init => field = value.ToArray(); } = [];
    /// <summary>Default the container's.</summary>
    [Id(2)] public string? WorkingDirectory { get; init; }
    /// <summary>Default the container's.</summary>
    [Id(3)] public string? User { get; init; }
    /// <summary>Bytes the program reads as its standard input; then end of file. At most 1 MiB.</summary>
    [Id(4)] public byte[] StandardInput { get; init; } = [];
}

/// <summary>An exec that has begun. Its output is read with <see cref="IContainerGrain.ReadExecAsync"/>, also after a move.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ExecStarted")]
public sealed record ExecStarted([property: Id(0)] string ExecId, [property: Id(1)] int VirtualPid);

/// <summary>Output of an exec from the given offsets, and its exit status once it has ended and all output was read.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ExecOutput")]
public sealed record ExecOutput(
    [property: Id(0)] byte[] Stdout, [property: Id(1)] byte[] Stderr, [property: Id(2)] LogCursor Next, [property: Id(3)] ExitStatus? Exit);

/// <summary>A place in a container's two output files, in bytes. Valid across moves.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.LogCursor")]
public sealed record LogCursor([property: Id(0)] long Stdout, [property: Id(1)] long Stderr)
{
    public static LogCursor Start { get; } = new(0, 0);
}

/// <summary>A piece of a container's output; <see cref="Next"/> is where the next read begins.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.LogChunk")]
public sealed record LogChunk(
    [property: Id(0)] byte[] Stdout, [property: Id(1)] byte[] Stderr, [property: Id(2)] LogCursor Next, [property: Id(3)] bool Ended);
