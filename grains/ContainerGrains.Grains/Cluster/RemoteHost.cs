namespace ContainerGrains.Grains;

/// <summary>
/// The port of another host, through its grain. A container's grain uses it while it is on its way home, so that no call has to
/// fail for being early.
/// </summary>
internal sealed class RemoteHost(string name, IHostCommands commands) : IContainerHost
{
    public string Name => name;

    /// <summary>Exits are told by the host itself, to the container's grain.</summary>
    public event Action<string, ExitStatus>? Exited
    {
        add => throw new NotSupportedException("A remote host's exits are not raised here.");
        remove => throw new NotSupportedException("A remote host's exits are not raised here.");
    }

    public Task<RunningState> StartAsync(string name, ContainerSpec spec, string address, long generation, CancellationToken cancellationToken) =>
        commands.StartAsync(name, spec, address, generation, cancellationToken);
    public Task<RunningState?> FindAsync(string name, CancellationToken cancellationToken) => commands.FindAsync(name, cancellationToken);
    public Task SignalAsync(string name, int signal, int virtualPid, CancellationToken cancellationToken) => commands.SignalAsync(name, signal, virtualPid, cancellationToken);
    public Task<ExitStatus> StopAsync(string name, int signal, TimeSpan grace, CancellationToken cancellationToken) => commands.StopAsync(name, signal, grace, cancellationToken);
    public Task<ExitStatus?> WaitAsync(string name, TimeSpan wait, CancellationToken cancellationToken) => commands.WaitAsync(name, wait, cancellationToken);
    public Task<ExecStarted> ExecAsync(string name, ExecRequest request, CancellationToken cancellationToken) => commands.ExecAsync(name, request, cancellationToken);
    public Task<ExecOutput> ReadExecAsync(string name, string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken) =>
        commands.ReadExecAsync(name, execId, from, wait, cancellationToken);
    public Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(string name, CancellationToken cancellationToken) => commands.GetProcessesAsync(name, cancellationToken);
    public Task<ContainerStats> GetStatsAsync(string name, CancellationToken cancellationToken) => commands.GetStatsAsync(name, cancellationToken);
    public Task<LogChunk> ReadLogsAsync(string name, LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken) =>
        commands.ReadLogsAsync(name, from, maxBytes, wait, cancellationToken);
    public Task<CheckpointReport> CheckpointAsync(string name, ContainerSpec spec, string? path, bool leaveRunning, CancellationToken cancellationToken) =>
        commands.CheckpointAsync(name, spec, path, leaveRunning, cancellationToken);
    public Task<RunningState> RestoreAsync(string name, ContainerSpec spec, string address, string path, long generation, CancellationToken cancellationToken) =>
        commands.RestoreAsync(name, spec, address, path, generation, cancellationToken);
    public Task DeleteAsync(string name, CancellationToken cancellationToken) => commands.DeleteAsync(name, cancellationToken);
    public Task<IReadOnlyList<Obstacle>> PreflightAsync(string name, CancellationToken cancellationToken) => commands.PreflightAsync(name, cancellationToken);
    public Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken) => commands.PrepareMoveAsync(order, cancellationToken);
    public Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken) => commands.AbandonMoveAsync(migrationId, reason, cancellationToken);

    public Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken) => commands.ConsiderAsync(question, cancellationToken);

    public Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken) => throw OnlyAtHome();
    public Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken) => throw OnlyAtHome();
    public Task<RunningState> CutOverAsync(string migrationId, CancellationToken cancellationToken) => throw OnlyAtHome();
    public Task<MigrationReport> CommitMoveAsync(string migrationId, long generation, CancellationToken cancellationToken) => throw OnlyAtHome();
    public Task AbortMoveAsync(string migrationId, string reason, CancellationToken cancellationToken) => throw OnlyAtHome();
    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken) => throw OnlyAtHome();

    private static ContainerException OnlyAtHome() =>
        new(ContainerErrorCode.Internal, "This call belongs to the host on which the grain is activated.");
}
