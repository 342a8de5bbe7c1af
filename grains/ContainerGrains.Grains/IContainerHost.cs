namespace ContainerGrains.Grains;

/// <summary>
/// The port that grains speak to: the host on which the activation lives. The silo implements it with the engine, tests
/// with a fake. Every command that changes something carries the generation; lower ones than the host has seen are refused
/// (StaleGeneration). All methods throw <see cref="ContainerException"/> only.
/// </summary>
public interface IContainerHost
{
    /// <summary>Stable name of this host.</summary>
    string Name { get; }

    Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken);
    Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken);

    /// <summary>Creates namespaces and processes. Idempotent for the same generation.</summary>
    Task<RunningState> StartAsync(string name, ContainerSpec spec, string address, long generation, CancellationToken cancellationToken);

    /// <summary>The state of a container that has its processes here; null when it has none here.</summary>
    Task<RunningState?> FindAsync(string name, CancellationToken cancellationToken);

    Task SignalAsync(string name, int signal, int virtualPid, CancellationToken cancellationToken);
    Task<ExitStatus> StopAsync(string name, int signal, TimeSpan grace, CancellationToken cancellationToken);
    Task<ExitStatus?> WaitAsync(string name, TimeSpan wait, CancellationToken cancellationToken);
    Task<ExecStarted> ExecAsync(string name, ExecRequest request, CancellationToken cancellationToken);
    Task<ExecOutput> ReadExecAsync(string name, string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken);
    Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(string name, CancellationToken cancellationToken);
    Task<ContainerStats> GetStatsAsync(string name, CancellationToken cancellationToken);
    Task<LogChunk> ReadLogsAsync(string name, LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken);
    Task<CheckpointReport> CheckpointAsync(string name, ContainerSpec spec, string? path, bool leaveRunning, CancellationToken cancellationToken);
    Task<RunningState> RestoreAsync(string name, ContainerSpec spec, string address, string path, long generation, CancellationToken cancellationToken);

    /// <summary>Kills what runs and removes the container's directory. Never fails for what is already gone.</summary>
    Task DeleteAsync(string name, CancellationToken cancellationToken);

    // ── The move, seen from the source ─────────────────────────────────────────────────────────────
    /// <summary>What would stop a checkpoint or move now; nothing is frozen.</summary>
    Task<IReadOnlyList<Obstacle>> PreflightAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Offer and pre-copy rounds to <paramref name="targetHost"/> while the container runs. When it returns, the target has all
    /// but the last dirty pages. Throws OfferRefused, FeatureMissing, NotCarried, HostUnreachable …; the container runs on.
    /// </summary>
    Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken);

    /// <summary>Gives up a prepared move from the source's side: nothing was frozen, or the source thaws.</summary>
    Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken);

    // ── The move, seen from the target ─────────────────────────────────────────────────────────────
    /// <summary>Why this host would not take the container now; nothing is reserved.</summary>
    Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken);

    /// <summary>Tells the source to freeze and send the rest; the container stands here complete, stopped.</summary>
    Task<RunningState> CutOverAsync(string migrationId, CancellationToken cancellationToken);

    /// <summary>After the record says that this host is home: thaw, announce the address, tell the source that it was adopted.</summary>
    Task<MigrationReport> CommitMoveAsync(string migrationId, long generation, CancellationToken cancellationToken);

    /// <summary>The record was not written: discard what was received; the source thaws.</summary>
    Task AbortMoveAsync(string migrationId, string reason, CancellationToken cancellationToken);

    /// <summary>Progress of the moves this host takes part in, ended ones for a while too.</summary>
    Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken);

    /// <summary>Raised when a container's init has exited here. Handlers must not block.</summary>
    event Action<string, ExitStatus>? Exited;
}

/// <summary>What the record keeps of a container that runs.</summary>
/// <param name="Warnings">What could not be restored in full when it came to its host.</param>
[GenerateSerializer, Immutable, Alias("ContainerGrains.RunningState")]
public sealed record RunningState(
    [property: Id(0)] int InitPid, [property: Id(1)] int Pidspace, [property: Id(2)] DateTimeOffset StartedAt, [property: Id(3)] IReadOnlyList<ProcessInfo> Processes,
    [property: Id(4)] ExitStatus? Exit, [property: Id(5)] IReadOnlyList<string>? Warnings = null);

/// <summary>What a container asks of a host that is to take it.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MoveQuestion")]
public sealed record MoveQuestion(
    [property: Id(0)] string Name, [property: Id(1)] ContainerSpec Spec, [property: Id(2)] HostFeatures Features, [property: Id(3)] long ResidentBytes);

/// <summary>What a source needs to move a container.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MoveOrder")]
public sealed record MoveOrder(
    [property: Id(0)] string MigrationId, [property: Id(1)] string Name, [property: Id(2)] string TargetHost, [property: Id(3)] string TargetDataAddress,
    [property: Id(4)] long NewGeneration, [property: Id(5)] ContainerSpec Spec, [property: Id(6)] string Address, [property: Id(7)] MigrateOptions Options);
