namespace ContainerGrains.Api;

/// <summary>A wish to empty a host.</summary>
public sealed record ApiDrainRequest
{
    /// <summary>Containers that move at the same time, 1 to 16; default 2.</summary>
    public int? Parallel { get; init; }
    /// <summary>What has not moved by then is left where it is; small containers go first. Null: as long as it takes.</summary>
    public long? DeadlineMs { get; init; }
}

/// <summary>The emptying of a host, under way or as it ended last.</summary>
public sealed record ApiDrain
{
    public required string Host { get; init; }
    /// <summary>none, draining, drained (no running container is left) or incomplete (those that are left are named).</summary>
    public required string State { get; init; }
    /// <summary>It was told to begin no more moves.</summary>
    public bool Cancelled { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public DateTimeOffset? Deadline { get; init; }
    public int Parallel { get; init; }
    public IReadOnlyList<ApiDrainedContainer> Containers { get; init; } = [];
    /// <summary>What ended it early, beside what stands at each container.</summary>
    public string? Error { get; init; }
    public string? TraceId { get; init; }
}

/// <summary>A container of a host that is drained.</summary>
public sealed record ApiDrainedContainer
{
    public required string Name { get; init; }
    /// <summary>waiting, moving, moved, stays (the reason says why), notRunning (it stays recorded there) or gone (removed meanwhile).</summary>
    public required string State { get; init; }
    /// <summary>Where it has moved to.</summary>
    public string? To { get; init; }
    public string? MigrationId { get; init; }
    /// <summary>From the first process stopped on the host to the last one running on the other.</summary>
    public double FreezeMs { get; init; }
    public double TotalMs { get; init; }
    /// <summary>How often a move was begun.</summary>
    public int Attempts { get; init; }
    public string? Reason { get; init; }
    public string? ErrorCode { get; init; }
    /// <summary>Of its move, while it is moving.</summary>
    public ApiProgress? Progress { get; init; }
}
