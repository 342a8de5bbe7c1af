namespace ContainerGrains.Grains;

/// <summary>
/// What the cluster knows of a container; one record in Orleans storage with an ETag. It is the truth about who owns the
/// processes: <see cref="Home"/> at <see cref="Generation"/>. Immutable, so that a failed write leaves nothing half changed.
/// </summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ContainerRecord")]
public sealed record ContainerRecord
{
    /// <summary>Name of the state in storage.</summary>
    public const string StateName = "container";

    [Id(0)] public string Name { get; init; } = "";
    [Id(1)] public ContainerSpec? Spec { get; init; }
    /// <summary>Stable name of the host that owns the processes.</summary>
    [Id(2)] public string Home { get; init; } = "";
    /// <summary>Grows by one with every change of owner; commands with a lower one are refused.</summary>
    [Id(3)] public long Generation { get; init; }
    [Id(4)] public ContainerPhase Phase { get; init; }
    /// <summary>The move under way, undecided as long as it stands here.</summary>
    [Id(5)] public MoveIntent? Move { get; init; }
    /// <summary>Pidspace, pid maps and start of what runs; null when nothing does.</summary>
    [Id(6)] public RunningState? Running { get; init; }
    /// <summary>With prefix length: "10.88.0.5/16".</summary>
    [Id(7)] public string Address { get; init; } = "";
    /// <summary>Name of the container around this one; null on the top level.</summary>
    [Id(8)] public string? Parent { get; init; }
    [Id(9)] public string? LastCheckpoint { get; init; }
    /// <summary>Reports of the last moves, newest first, failed ones too.</summary>
    [Id(10)] public IReadOnlyList<MigrationReport> Reports { get; init; } = [];
    [Id(11)] public DateTimeOffset CreatedAt { get; init; }
    [Id(12)] public DateTimeOffset? StartedAt { get; init; }
    [Id(13)] public ExitStatus? Exit { get; init; }

    public bool Exists => Phase != ContainerPhase.None;

    public ContainerRecord WithReport(MigrationReport report)
    {
        const int Kept = 4;
        return this with { Reports = [report, .. Reports.Where(r => r.MigrationId != report.MigrationId).Take(Kept - 1)] };
    }

    /// <summary>The record of a container whose move came to nothing: it runs on where it is.</summary>
    public ContainerRecord WithoutMove(MigrationReport report) => (this with
    {
        Phase = Phase == ContainerPhase.Moving ? ContainerPhase.Running : Phase,
        Move = null,
    }).WithReport(report);

    public ContainerStatus ToStatus() => new()
    {
        Name = Name,
        Phase = Phase,
        Host = Home.Length == 0 ? null : Home,
        Address = Address.Split('/')[0],
        Pidspace = Running?.Pidspace ?? 0,
        Generation = Generation,
        CreatedAt = CreatedAt,
        StartedAt = StartedAt,
        Exit = Exit,
        Spec = Spec!,
        MigrationId = Move?.MigrationId,
        LastCheckpoint = LastCheckpoint,
        InitPid = Running?.InitPid ?? 0,
        Warnings = Running?.Warnings ?? [],
    };
}

/// <summary>A move that has begun and is not decided.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MoveIntent")]
public sealed record MoveIntent(
    [property: Id(0)] string MigrationId, [property: Id(1)] string Source, [property: Id(2)] string Target, [property: Id(3)] long NewGeneration);
