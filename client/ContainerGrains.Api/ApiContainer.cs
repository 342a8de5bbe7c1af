namespace ContainerGrains.Api;

/// <summary>A container, as <c>cg ps --json</c> lists it and <c>cg inspect --json</c> shows it.</summary>
public sealed record ApiContainer
{
    public required string Name { get; init; }
    /// <summary>Its home host; null when it has none.</summary>
    public string? Host { get; init; }
    /// <summary>created, running, moving, suspended or exited.</summary>
    public required string State { get; init; }
    /// <summary>IPv4 address in the cluster's network, without prefix length.</summary>
    public string? Address { get; init; }
    /// <summary>The number of its PID space on its host; 0 when it has no processes.</summary>
    public int Pidspace { get; init; }
    /// <summary>Grows by one with every change of owner.</summary>
    public long Generation { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>As a shell reports it: the code, or 128 + signal; null while it has not exited.</summary>
    public int? ExitCode { get; init; }
    /// <summary>The signal that killed it, if one did.</summary>
    public int? ExitSignal { get; init; }
    /// <summary>Real pid of the container's init on its host; 0 when it has none.</summary>
    public int InitPid { get; init; }
    public string? MigrationId { get; init; }
    /// <summary>Path of the last checkpoint on its host.</summary>
    public string? LastCheckpoint { get; init; }
    /// <summary>What could not be restored in full when it came to its host, by a move or from an image; one sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
    /// <summary>Its processes; null in lists.</summary>
    public IReadOnlyList<ApiProcess>? Processes { get; init; }
    public required ApiSpec Spec { get; init; }
}
