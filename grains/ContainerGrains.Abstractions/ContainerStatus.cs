namespace ContainerGrains;

/// <summary>A container as its record and its host see it.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ContainerStatus")]
public sealed record ContainerStatus
{
    [Id(0)] public required string Name { get; init; }
    [Id(1)] public ContainerPhase Phase { get; init; }
    /// <summary>Home host; null when it has none.</summary>
    [Id(2)] public string? Host { get; init; }
    /// <summary>IPv4 address in the cluster's network, without prefix length.</summary>
    [Id(3)] public string? Address { get; init; }
    /// <summary>The pidspace's number on its host; 0 when it has no processes.</summary>
    [Id(4)] public int Pidspace { get; init; }
    /// <summary>Grows by one with every change of owner.</summary>
    [Id(5)] public long Generation { get; init; }
    [Id(6)] public DateTimeOffset CreatedAt { get; init; }
    [Id(7)] public DateTimeOffset? StartedAt { get; init; }
    [Id(8)] public ExitStatus? Exit { get; init; }
    [Id(9)] public required ContainerSpec Spec { get; init; }
    [Id(10)] public string? MigrationId { get; init; }
    /// <summary>Path of the last checkpoint on its host, if any.</summary>
    [Id(11)] public string? LastCheckpoint { get; init; }
    /// <summary>Real pid of the container's init on its host; 0 when it has none.</summary>
    [Id(12)] public int InitPid { get; init; }
    /// <summary>What could not be restored in full when it came to its host, by a move or from an image. One sentence each.</summary>
    [Id(13)] public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>How a process ended: exit code, or the signal that killed it.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ExitStatus")]
public sealed record ExitStatus([property: Id(0)] int Code, [property: Id(1)] int Signal)
{
    /// <summary>It ended while nobody looked (its host's silo did not run): 255, which programs seldom say themselves.</summary>
    public static ExitStatus Unknown { get; } = new(255, 0);

    /// <summary>As a shell reports it: the code, or 128 + signal.</summary>
    public int ShellCode => Signal != 0 ? 128 + Signal : Code;
}

/// <summary>One process of a container.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ProcessInfo")]
public sealed record ProcessInfo
{
    /// <summary>
    /// Its pid on every level, from the host inwards: [0] is the real pid, [1] the pid in the container, [2] the pid in a
    /// container nested in it, and so on (the order of NSpid in /proc/PID/status).
    /// </summary>
    [Id(0)] public required IReadOnlyList<int> Pids { get; init; }
    /// <summary>Parent's pid in the process's own innermost pid namespace; 0 when the parent is outside.</summary>
    [Id(1)] public int ParentVirtualPid { get; init; }
    [Id(2)] public int Pidspace { get; init; }
    /// <summary>The article's 32-bit form, pidspace &lt;&lt; 23 | virtual pid; null when the pidspace is above 511.</summary>
    [Id(3)] public uint? PackedPid { get; init; }
    [Id(4)] public string Comm { get; init; } = "";
    [Id(5)] public IReadOnlyList<string> CommandLine { get; init; } = [];
    /// <summary>State letter of /proc/PID/stat: R, S, D, T, t, Z …</summary>
    [Id(6)] public char State { get; init; }
    [Id(7)] public int Threads { get; init; }
    [Id(8)] public int User { get; init; }
    [Id(9)] public long ResidentBytes { get; init; }
    [Id(10)] public double CpuSeconds { get; init; }

    /// <summary>The real pid.</summary>
    public int Pid => Pids[0];
    /// <summary>The pid in the innermost container.</summary>
    public int VirtualPid => Pids[^1];
}

/// <summary>Use of resources, from the container's cgroup and network interface.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ContainerStats")]
public sealed record ContainerStats
{
    [Id(0)] public required string Name { get; init; }
    [Id(1)] public double CpuSeconds { get; init; }
    [Id(2)] public long MemoryBytes { get; init; }
    [Id(3)] public long? MemoryLimitBytes { get; init; }
    [Id(4)] public int Processes { get; init; }
    [Id(5)] public int Threads { get; init; }
    [Id(6)] public long ReceivedBytes { get; init; }
    [Id(7)] public long SentBytes { get; init; }
}
