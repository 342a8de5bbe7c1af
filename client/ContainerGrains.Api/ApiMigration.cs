namespace ContainerGrains.Api;

/// <summary>A wish to move a container.</summary>
public sealed record ApiMigrateRequest
{
    /// <summary>Target host; null lets the cluster choose.</summary>
    public string? To { get; init; }
    /// <summary>Only say what would stop the move.</summary>
    public bool DryRun { get; init; }
    /// <summary>Most pre-copy rounds before the freeze, 1 to 100.</summary>
    public int? MaxRounds { get; init; }
    /// <summary>A freeze that is short enough, 1 to 60000: rounds end when one of this length is expected, or when another round would not shorten it.</summary>
    public int? FreezeBudgetMs { get; init; }
    /// <summary>Longest freeze; past it the container runs on where it was.</summary>
    public int? FreezeTimeoutMs { get; init; }
}

/// <summary>What a move took, or what a dry run found.</summary>
public sealed record ApiMigration
{
    public required string Name { get; init; }
    public required string MigrationId { get; init; }
    public required string From { get; init; }
    public required string To { get; init; }
    public long Generation { get; init; }
    /// <summary>From the first process stopped on the source to the last one running on the target.</summary>
    public double FreezeMs { get; init; }
    public double TotalMs { get; init; }
    public IReadOnlyList<ApiRound> Rounds { get; init; } = [];
    public long Bytes { get; init; }
    /// <summary>Pages sent inside the freeze.</summary>
    public long FinalPages { get; init; }
    public string? TraceId { get; init; }
    /// <summary>Time inside the freeze by span name.</summary>
    public IReadOnlyDictionary<string, double> FreezeSpansMs { get; init; } = new Dictionary<string, double>();
    public bool DryRun { get; init; }
    /// <summary>What is in the way; empty when the move could be done.</summary>
    public IReadOnlyList<ApiObstacle> Obstacles { get; init; } = [];
    /// <summary>What could not be restored in full on the target and does no harm, one sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>One pre-copy round.</summary>
public sealed record ApiRound(int Round, long DirtyPages, long Bytes, double Ms);

/// <summary>Something that keeps a container from being checkpointed or moved.</summary>
public sealed record ApiObstacle(int VirtualPid, string Process, string Object, string Reason, string Remedy);

/// <summary>Where a move is.</summary>
public sealed record ApiProgress
{
    public required string MigrationId { get; init; }
    public required string Name { get; init; }
    public required string From { get; init; }
    public required string To { get; init; }
    /// <summary>offer, rounds, hand-over, freeze, committed, done, failed.</summary>
    public required string Stage { get; init; }
    public IReadOnlyList<ApiRound> Rounds { get; init; } = [];
    public long BytesSent { get; init; }
    public string? Error { get; init; }
    /// <summary>Until the container runs on the target, as far as the source can say.</summary>
    public double? EtaMs { get; init; }
    /// <summary>How long the freeze is expected to be; known after two rounds.</summary>
    public double? PredictedFreezeMs { get; init; }
}

/// <summary>One line of a move's stream: progress lines, then either the report or the error.</summary>
public sealed record ApiMigrationEvent
{
    public ApiProgress? Progress { get; init; }
    public ApiMigration? Report { get; init; }
    public ApiProblem? Error { get; init; }
}

/// <summary>Whether a move was still to be stopped; false: it is committed, or there is none.</summary>
public sealed record ApiCancelled(bool Cancelled);
