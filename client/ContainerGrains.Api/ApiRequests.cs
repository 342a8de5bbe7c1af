namespace ContainerGrains.Api;

/// <summary>A new container, started at once when start is set.</summary>
public sealed record ApiCreateRequest
{
    public required string Name { get; init; }
    public required ApiSpec Spec { get; init; }
    public bool Start { get; init; }
}

/// <summary>Use of resources, from the container's cgroup and network interface.</summary>
public sealed record ApiStats
{
    public required string Name { get; init; }
    public double CpuSeconds { get; init; }
    public long MemoryBytes { get; init; }
    public long? MemoryLimitBytes { get; init; }
    public int Processes { get; init; }
    public int Threads { get; init; }
    public long ReceivedBytes { get; init; }
    public long SentBytes { get; init; }
}

/// <summary>A pid of one context in another.</summary>
public sealed record ApiTranslation(int Pid, string From, string To, int Result);

/// <summary>A change of a container, as the event stream tells it.</summary>
/// <param name="Type">created, started, moving, moved, suspended, exited or removed; present for what is there when the stream begins.</param>
public sealed record ApiEvent(DateTimeOffset Time, string Type, string Name, string State, string? Host, long Generation);

/// <summary>Answer of a deletion.</summary>
public sealed record ApiRemoved(string Name);
