namespace ContainerGrains.Grains;

/// <summary>
/// A host's port as a grain: what a container's grain says to a host that it is not (yet) activated on. It mirrors
/// <see cref="IContainerHost"/>; the arrival of a move is missing, because that happens at home by definition.
/// </summary>
[Alias("ContainerGrains.IHostCommands")]
public interface IHostCommands : IGrainWithStringKey
{
    [Alias("Start"), ResponseTimeout("00:02:00")] Task<RunningState> StartAsync(string name, ContainerSpec spec, string address, long generation, CancellationToken cancellationToken);
    [Alias("Find")] Task<RunningState?> FindAsync(string name, CancellationToken cancellationToken);
    [Alias("Signal")] Task SignalAsync(string name, int signal, int virtualPid, CancellationToken cancellationToken);
    [Alias("Stop"), ResponseTimeout("01:00:00")] Task<ExitStatus> StopAsync(string name, int signal, TimeSpan grace, CancellationToken cancellationToken);
    [Alias("Wait"), ResponseTimeout("00:02:00")] Task<ExitStatus?> WaitAsync(string name, TimeSpan wait, CancellationToken cancellationToken);
    [Alias("Exec")] Task<ExecStarted> ExecAsync(string name, ExecRequest request, CancellationToken cancellationToken);
    [Alias("ReadExec"), ResponseTimeout("00:02:00")] Task<ExecOutput> ReadExecAsync(string name, string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken);
    [Alias("Processes")] Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(string name, CancellationToken cancellationToken);
    [Alias("Stats")] Task<ContainerStats> GetStatsAsync(string name, CancellationToken cancellationToken);
    [Alias("ReadLogs"), ResponseTimeout("00:02:00")] Task<LogChunk> ReadLogsAsync(string name, LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken);
    [Alias("Checkpoint"), ResponseTimeout("01:00:00")] Task<CheckpointReport> CheckpointAsync(string name, ContainerSpec spec, string? path, bool leaveRunning, CancellationToken cancellationToken);
    [Alias("Restore"), ResponseTimeout("01:00:00")] Task<RunningState> RestoreAsync(string name, ContainerSpec spec, string address, string path, long generation, CancellationToken cancellationToken);
    [Alias("Delete"), ResponseTimeout("00:02:00")] Task DeleteAsync(string name, CancellationToken cancellationToken);
    [Alias("Preflight")] Task<IReadOnlyList<Obstacle>> PreflightAsync(string name, CancellationToken cancellationToken);
    [Alias("Consider")] Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken);
    [Alias("PrepareMove"), ResponseTimeout("1.00:00:00")] Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken);
    [Alias("AbandonMove"), ResponseTimeout("00:02:00")] Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken);
}
