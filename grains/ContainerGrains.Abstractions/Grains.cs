namespace ContainerGrains;

/// <summary>
/// A container. Its key is its name, unique in the cluster. Calls during a move wait and succeed: what a caller may not repeat
/// (create, start, signal, exec) has a limit that is longer than a freeze; the rest is repeated by the client library.
/// Every method throws <see cref="ContainerException"/> for what the caller can mend.
/// </summary>
[Alias("ContainerGrains.IContainerGrain")]
public interface IContainerGrain : IGrainWithStringKey
{
    /// <summary>Claims the name in the cluster and records the spec. NameTaken tells who has it.</summary>
    [Alias("Create"), ResponseTimeout("00:02:00")] Task<ContainerStatus> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken);
    /// <summary>Starts the recorded program on its host.</summary>
    [Alias("Start"), ResponseTimeout("00:02:00")] Task<ContainerStatus> StartAsync(CancellationToken cancellationToken);
    /// <summary>Sends the stop signal and, after <paramref name="grace"/>, SIGKILL to all. Returns when it has exited.</summary>
    [Alias("Stop"), ResponseTimeout("01:00:00")] Task<ExitStatus> StopAsync(TimeSpan grace, CancellationToken cancellationToken);
    /// <summary>Sends a signal to a process (virtual pid; 1 is init).</summary>
    [Alias("Kill"), ResponseTimeout("00:02:00")] Task KillAsync(int signal, int virtualPid, CancellationToken cancellationToken);
    [Alias("Exec"), ResponseTimeout("00:02:00")] Task<ExecStarted> ExecAsync(ExecRequest request, CancellationToken cancellationToken);
    /// <summary>Waits up to <paramref name="wait"/> for output past the cursor, or for the end.</summary>
    [Alias("ReadExec"), ResponseTimeout("00:02:00")] Task<ExecOutput> ReadExecAsync(string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken);
    [Alias("Status")] Task<ContainerStatus> GetStatusAsync(CancellationToken cancellationToken);
    [Alias("Processes")] Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(CancellationToken cancellationToken);
    /// <summary>Waits up to <paramref name="wait"/> for the exit; null when it has not come. Callers repeat.</summary>
    [Alias("Wait"), ResponseTimeout("00:02:00")] Task<ExitStatus?> WaitAsync(TimeSpan wait, CancellationToken cancellationToken);
    [Alias("Stats")] Task<ContainerStats> GetStatsAsync(CancellationToken cancellationToken);
    /// <summary>Output past the cursor; waits up to <paramref name="wait"/> for some. Callers repeat with the cursor returned.</summary>
    [Alias("ReadLogs"), ResponseTimeout("00:02:00")] Task<LogChunk> ReadLogsAsync(LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken);
    /// <summary>
    /// The article's tsk_pid/tsk_vpid/tsk_vpid_ctx in one: a pid of one context in another. A context is a path of container
    /// names below this one; "" is the container itself, "host" its host.
    /// </summary>
    [Alias("Translate")] Task<int> TranslatePidAsync(int pid, string fromContext, string toContext, CancellationToken cancellationToken);
    /// <summary>Writes an image on the container's host; the container runs on.</summary>
    [Alias("Checkpoint"), ResponseTimeout("01:00:00")] Task<CheckpointReport> CheckpointAsync(string? path, CancellationToken cancellationToken);
    /// <summary>Starts the container again from an image on the chosen host (default: last checkpoint). It must not be running.</summary>
    [Alias("Restore"), ResponseTimeout("01:00:00")] Task<ContainerStatus> RestoreAsync(string? path, string? host, CancellationToken cancellationToken);
    /// <summary>Checkpoint and stop: the processes are in the file, which can be carried away.</summary>
    [Alias("Suspend"), ResponseTimeout("01:00:00")] Task<CheckpointReport> SuspendAsync(string? path, CancellationToken cancellationToken);
    /// <summary>Claims the name that an image holds, if need be, and restores it on the host: the article's stick.</summary>
    [Alias("Resume"), ResponseTimeout("01:00:00")] Task<ContainerStatus> ResumeAsync(ContainerSpec spec, string path, string host, CancellationToken cancellationToken);
    /// <summary>
    /// Prepares a move, hands the grain over and returns; the processes follow at the grain's activation on the target.
    /// <paramref name="targetHost"/> null lets the cluster choose.
    /// </summary>
    [Alias("Migrate"), ResponseTimeout("1.00:00:00")] Task<MigrationStarted> MigrateAsync(string? targetHost, MigrateOptions options, CancellationToken cancellationToken);
    /// <summary>The report of a move once it has ended; null while it is under way or when it is unknown.</summary>
    [Alias("GetMigration"), ResponseTimeout("00:03:00")] Task<MigrationReport?> GetMigrationAsync(string migrationId, CancellationToken cancellationToken);
    /// <summary>Asks a move to stop before its commit; false when it is too late or unknown.</summary>
    [Alias("CancelMigration"), Orleans.Concurrency.AlwaysInterleave] Task<bool> CancelMigrationAsync(string migrationId, CancellationToken cancellationToken);
    /// <summary>Removes the container; <paramref name="force"/> kills it first when it runs.</summary>
    [Alias("Delete"), ResponseTimeout("00:02:00")] Task DeleteAsync(bool force, CancellationToken cancellationToken);
}

/// <summary>A host. Its key is the host's stable name.</summary>
[Alias("ContainerGrains.IHostGrain")]
public interface IHostGrain : IGrainWithStringKey
{
    [Alias("Info")] Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken);
    [Alias("Containers")] Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken);
    [Alias("Check")] Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken);
    /// <summary>Progress of the moves that this host takes part in.</summary>
    [Alias("Progress")] Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken);
}

/// <summary>The cluster: which containers and hosts there are, and who gets which address. One grain, key 0.</summary>
[Alias("ContainerGrains.IClusterGrain")]
public interface IClusterGrain : IGrainWithIntegerKey
{
    [Alias("Hosts")] Task<IReadOnlyList<HostInfo>> GetHostsAsync(CancellationToken cancellationToken);
    [Alias("Containers")] Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken);
    /// <summary>Claims a name and an address for a container of a host. NameTaken tells the host that has it and since when; HostCordoned.</summary>
    [Alias("Claim")] Task<ContainerClaim> ClaimAsync(string name, string home, CancellationToken cancellationToken);
    [Alias("Release")] Task ReleaseAsync(string name, long lastGeneration, CancellationToken cancellationToken);
    /// <summary>The host for a new container, or for a move away from <paramref name="awayFrom"/>; never a cordoned one.</summary>
    [Alias("ChooseHost")] Task<string> ChooseHostAsync(ContainerSpec spec, string? awayFrom, CancellationToken cancellationToken);
    /// <summary>The hosts that may take it, best first; <see cref="ChooseHostAsync"/> gives the first. Never empty: NoCapacity.</summary>
    [Alias("RankHosts")] Task<IReadOnlyList<string>> RankHostsAsync(ContainerSpec spec, string? awayFrom, CancellationToken cancellationToken);
    /// <summary>Throws HostNotFound or HostCordoned for a host that a container must not be sent to.</summary>
    [Alias("RequireOpen")] Task RequireOpenAsync(string host, CancellationToken cancellationToken);
    /// <summary>From now on the host takes no containers, until it is uncordoned, also over a restart of all silos; those that are there run on.</summary>
    /// <returns>False when it was cordoned already.</returns>
    [Alias("Cordon")] Task<bool> CordonAsync(string host, CancellationToken cancellationToken);
    /// <summary>The host takes containers again; a drain under way begins no more moves.</summary>
    /// <returns>False when it was not cordoned.</returns>
    [Alias("Uncordon")] Task<bool> UncordonAsync(string host, CancellationToken cancellationToken);
}

/// <summary>The emptying of a host. Its key is the host's stable name. It goes on whoever listens.</summary>
[Alias("ContainerGrains.IDrainGrain")]
public interface IDrainGrain : IGrainWithStringKey
{
    /// <summary>
    /// Cordons the host and moves away what runs there. Repeated while it is under way it takes over deadline and number of moves and
    /// goes on; after its end it begins anew. HostNotFound, InvalidSpec.
    /// </summary>
    [Alias("Start")] Task<DrainReport> StartAsync(DrainOptions options, CancellationToken cancellationToken);
    [Alias("Get")] Task<DrainReport> GetAsync(CancellationToken cancellationToken);
    /// <summary>No more moves are begun, those under way end, the host stays cordoned. Without a drain under way nothing happens.</summary>
    [Alias("Cancel")] Task<DrainReport> CancelAsync(CancellationToken cancellationToken);
}

/// <summary>What a claim gives: the container's address in the cluster's network ("10.88.0.5/16").</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ContainerClaim")]
public sealed record ContainerClaim([property: Id(0)] string Name, [property: Id(1)] string Address, [property: Id(2)] long Generation);
