namespace ContainerGrains;

/// <summary>How a move is to be done.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MigrateOptions")]
public sealed record MigrateOptions
{
    /// <summary>Most pre-copy rounds before the freeze, 1 to 100.</summary>
    [Id(0)] public int MaxRounds { get; init; } = 8;
    /// <summary>A freeze that is short enough, 1 ms to 1 min: rounds end when one of this length is expected, or when another round would not shorten it.</summary>
    [Id(4)] public TimeSpan FreezeBudget { get; init; } = TimeSpan.FromMilliseconds(20);
    /// <summary>Longest freeze; past it the container thaws where it was.</summary>
    [Id(2)] public TimeSpan FreezeTimeout { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>Only say what would stop the move.</summary>
    [Id(3)] public bool DryRun { get; init; }
    /// <summary>Move it only if it is on this host; WrongPhase when it has moved elsewhere meanwhile. Null: wherever it is.</summary>
    [Id(5)] public string? From { get; init; }
}

/// <summary>A move that has been set going; ask <see cref="IContainerGrain.GetMigrationAsync"/> for its end.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MigrationStarted")]
public sealed record MigrationStarted(
    [property: Id(0)] string MigrationId, [property: Id(1)] string From, [property: Id(2)] string To, [property: Id(3)] MigrationReport? Report);

/// <summary>One pre-copy round.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MigrationRound")]
public sealed record MigrationRound(
    [property: Id(0)] int Round, [property: Id(1)] long DirtyPages, [property: Id(2)] long Bytes, [property: Id(3)] double Ms);

/// <summary>What a move took.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MigrationReport")]
public sealed record MigrationReport
{
    [Id(0)] public required string Name { get; init; }
    [Id(1)] public required string MigrationId { get; init; }
    [Id(2)] public required string From { get; init; }
    [Id(3)] public required string To { get; init; }
    [Id(4)] public long Generation { get; init; }
    /// <summary>From the first process stopped on the source to the last one running on the target.</summary>
    [Id(5)] public double FreezeMs { get; init; }
    [Id(6)] public double TotalMs { get; init; }
    [Id(7)] public IReadOnlyList<MigrationRound> Rounds { get; init; } = [];
    /// <summary>Pages sent inside the freeze.</summary>
    [Id(8)] public long FinalPages { get; init; }
    [Id(9)] public long Bytes { get; init; }
    [Id(10)] public string? TraceId { get; init; }
    /// <summary>What a dry run found in the way; empty when the move could be done.</summary>
    [Id(11)] public IReadOnlyList<Obstacle> Obstacles { get; init; } = [];
    [Id(12)] public bool DryRun { get; init; }
    /// <summary>Set when the move failed and the container runs on where it was.</summary>
    [Id(13)] public string? Error { get; init; }
    [Id(14)] public ContainerErrorCode? ErrorCode { get; init; }
    /// <summary>Time spent inside the freeze by span name, in ms: freeze, dump, send, restore, commit, thaw.</summary>
    [Id(15)] public IReadOnlyDictionary<string, double> FreezeSpansMs { get; init; } = new Dictionary<string, double>();
    /// <summary>What could not be restored in full on the target and does no harm: a limit clamped to that host's own, say. One sentence each.</summary>
    [Id(16)] public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>Something that keeps a container from being checkpointed or moved.</summary>
/// <param name="VirtualPid">The process; 0 when it is not one of the container but the target host, which <paramref name="Object"/> names.</param>
[GenerateSerializer, Immutable, Alias("ContainerGrains.Obstacle")]
public sealed record Obstacle(
    [property: Id(0)] int VirtualPid, [property: Id(1)] string Process, [property: Id(2)] string Object, [property: Id(3)] string Reason, [property: Id(4)] string Remedy)
{
    public override string ToString() => $"{(VirtualPid == 0 ? "" : $"process {VirtualPid} ({Process}), ")}{Object}: {Reason}; {Remedy}";
}

/// <summary>Progress of a move, told by the host service while the grain's calls queue.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MigrationProgress")]
public sealed record MigrationProgress
{
    [Id(0)] public required string MigrationId { get; init; }
    [Id(1)] public required string Name { get; init; }
    [Id(2)] public required string From { get; init; }
    [Id(3)] public required string To { get; init; }
    /// <summary>offer, rounds, hand-over, freeze, committed, done, failed.</summary>
    [Id(4)] public required string Stage { get; init; }
    [Id(5)] public IReadOnlyList<MigrationRound> Rounds { get; init; } = [];
    [Id(6)] public long BytesSent { get; init; }
    [Id(7)] public string? Error { get; init; }
    /// <summary>Until the container runs on the target, as far as the source can say.</summary>
    [Id(8)] public double? EtaMs { get; init; }
    /// <summary>How long the freeze is expected to be; known after two rounds.</summary>
    [Id(9)] public double? PredictedFreezeMs { get; init; }
}

/// <summary>A checkpoint that was written.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.CheckpointReport")]
public sealed record CheckpointReport
{
    [Id(0)] public required string Name { get; init; }
    [Id(1)] public required string Host { get; init; }
    /// <summary>The image file on the host.</summary>
    [Id(2)] public required string Path { get; init; }
    [Id(3)] public long Bytes { get; init; }
    /// <summary>How long it stood still: from the freeze until it ran again, or was gone.</summary>
    [Id(4)] public double FrozenMs { get; init; }
    [Id(5)] public double TotalMs { get; init; }
    [Id(6)] public int Processes { get; init; }
    /// <summary>How often memory was written while it ran.</summary>
    [Id(7)] public int Rounds { get; init; }
}
