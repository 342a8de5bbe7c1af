using Orleans.Concurrency;
using Orleans.Placement;

namespace ContainerGrains.Grains;

/// <summary>A host's agent: hands calls to the port of the silo it lives on.</summary>
[GrainType("host"), Immovable(ImmovableKind.Any), Reentrant, HostPlacement]
public sealed class HostGrain(IContainerHost host, HostDirectory hosts) : Grain, IHostGrain, IHostCommands
{
    public Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken) => Here().GetInfoAsync(cancellationToken);

    public async Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken)
    {
        string name = this.GetPrimaryKeyString();
        IReadOnlyList<ContainerStatus> all = await GrainFactory.GetGrain<IClusterGrain>(0).GetContainersAsync(cancellationToken);
        return [.. all.Where(c => c.Host == name)];
    }

    public Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken) => Here().CheckAsync(cancellationToken);
    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken) => Here().GetProgressAsync(cancellationToken);

    public Task<RunningState> StartAsync(string name, ContainerSpec spec, string address, long generation, CancellationToken cancellationToken) =>
        Here().StartAsync(name, spec, address, generation, cancellationToken);
    public Task<RunningState?> FindAsync(string name, CancellationToken cancellationToken) => Here().FindAsync(name, cancellationToken);
    public Task SignalAsync(string name, int signal, int virtualPid, CancellationToken cancellationToken) => Here().SignalAsync(name, signal, virtualPid, cancellationToken);
    public Task<ExitStatus> StopAsync(string name, int signal, TimeSpan grace, CancellationToken cancellationToken) => Here().StopAsync(name, signal, grace, cancellationToken);
    public Task<ExitStatus?> WaitAsync(string name, TimeSpan wait, CancellationToken cancellationToken) => Here().WaitAsync(name, wait, cancellationToken);
    public Task<ExecStarted> ExecAsync(string name, ExecRequest request, CancellationToken cancellationToken) => Here().ExecAsync(name, request, cancellationToken);
    public Task<ExecOutput> ReadExecAsync(string name, string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken) =>
        Here().ReadExecAsync(name, execId, from, wait, cancellationToken);
    public Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(string name, CancellationToken cancellationToken) => Here().GetProcessesAsync(name, cancellationToken);
    public Task<ContainerStats> GetStatsAsync(string name, CancellationToken cancellationToken) => Here().GetStatsAsync(name, cancellationToken);
    public Task<LogChunk> ReadLogsAsync(string name, LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken) =>
        Here().ReadLogsAsync(name, from, maxBytes, wait, cancellationToken);
    public Task<CheckpointReport> CheckpointAsync(string name, ContainerSpec spec, string? path, bool leaveRunning, CancellationToken cancellationToken) =>
        Here().CheckpointAsync(name, spec, path, leaveRunning, cancellationToken);
    public Task<RunningState> RestoreAsync(string name, ContainerSpec spec, string address, string path, long generation, CancellationToken cancellationToken) =>
        Here().RestoreAsync(name, spec, address, path, generation, cancellationToken);
    public Task DeleteAsync(string name, CancellationToken cancellationToken) => Here().DeleteAsync(name, cancellationToken);
    public Task<IReadOnlyList<Obstacle>> PreflightAsync(string name, CancellationToken cancellationToken) => Here().PreflightAsync(name, cancellationToken);
    public Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken) => Here().ConsiderAsync(question, cancellationToken);
    public Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken) => Here().PrepareMoveAsync(order, cancellationToken);
    public Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken) => Here().AbandonMoveAsync(migrationId, reason, cancellationToken);

    private IContainerHost Here()
    {
        string name = this.GetPrimaryKeyString();
        if (host.Name == name)
            return host;
        // Placed here while the host was not yet to be seen. Gone is not enough: the directory's caches would bring the next call
        // here again and again; a migration leaves a forwarding address behind.
        if (hosts.Find(name) is null) DeactivateOnIdle();
        else MigrateOnIdle();
        hosts.Require(name);
        throw new ContainerException(ContainerErrorCode.HostUnreachable, $"Host '{name}' has just joined; repeat the call.");
    }
}
