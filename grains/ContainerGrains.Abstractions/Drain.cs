namespace ContainerGrains;

/// <summary>How a host is to be emptied.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.DrainOptions")]
public sealed record DrainOptions
{
    /// <summary>Containers that move at the same time, 1 to 16.</summary>
    [Id(0)] public int Parallel { get; init; } = 2;
    /// <summary>What has not moved by then is left where it is, small containers have gone first; up to a day. Null: as long as it takes.</summary>
    [Id(1)] public TimeSpan? Deadline { get; init; }
}

/// <summary>Where the emptying of a host is.</summary>
public enum DrainState
{
    /// <summary>Nobody has asked for it.</summary>
    None = 0,
    Draining = 1,
    /// <summary>No running container is left.</summary>
    Drained = 2,
    /// <summary>It has ended, and some container runs on there: the report names it.</summary>
    Incomplete = 3,
}

/// <summary>What has become of a container of a host that is drained.</summary>
public enum DrainStep
{
    Waiting = 0,
    Moving = 1,
    Moved = 2,
    /// <summary>It runs on where it was; the reason says why.</summary>
    Stays = 3,
    /// <summary>Created, exited or suspended: nothing to move, its record names the host as before.</summary>
    NotRunning = 4,
    /// <summary>Removed meanwhile.</summary>
    Gone = 5,
}

/// <summary>A container of a host that is drained.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.DrainedContainer")]
public sealed record DrainedContainer
{
    [Id(0)] public string Name { get; init; } = "";
    [Id(1)] public DrainStep Step { get; init; }
    /// <summary>Where it has moved to.</summary>
    [Id(2)] public string? To { get; init; }
    [Id(3)] public string? MigrationId { get; init; }
    [Id(4)] public double FreezeMs { get; init; }
    [Id(5)] public double TotalMs { get; init; }
    /// <summary>How often a move was begun.</summary>
    [Id(6)] public int Attempts { get; init; }
    /// <summary>Why it is still there: a sentence with object, reason and remedy.</summary>
    [Id(7)] public string? Reason { get; init; }
    [Id(8)] public ContainerErrorCode? ErrorCode { get; init; }
}

/// <summary>The emptying of a host, under way or as it ended last.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.DrainReport")]
public sealed record DrainReport
{
    [Id(0)] public string Host { get; init; } = "";
    [Id(1)] public DrainState State { get; init; }
    /// <summary>It was told to begin no more moves.</summary>
    [Id(2)] public bool Cancelled { get; init; }
    [Id(3)] public DateTimeOffset StartedAt { get; init; }
    [Id(4)] public DateTimeOffset? EndedAt { get; init; }
    [Id(5)] public DateTimeOffset? Deadline { get; init; }
    [Id(6)] public int Parallel { get; init; }
    [Id(7)] public IReadOnlyList<DrainedContainer> Containers { get; init; } = [];
    /// <summary>What ended it early, beside what stands at each container.</summary>
    [Id(8)] public string? Error { get; init; }
    [Id(9)] public string? TraceId { get; init; }
}
