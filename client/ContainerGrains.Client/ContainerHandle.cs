using System.Runtime.CompilerServices;

namespace ContainerGrains.Client;

/// <summary>
/// A container, wherever it is. Calls wait while it moves; streams go on from their cursor after a move or the loss of a silo.
/// What may be repeated is repeated when a silo is lost; what may not (create, start, exec, signal) throws.
/// </summary>
public sealed class ContainerHandle
{
    private const int MaxChunkBytes = 256 << 10;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ReportPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestReportWait = TimeSpan.FromMinutes(2);

    private readonly IContainerGrain _grain;
    private readonly TimeProvider _time;

    internal ContainerHandle(string name, IContainerGrain grain, TimeProvider time) => (Name, _grain, _time) = (name, grain, time);

    public string Name { get; }

    public Task<ContainerStatus> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken = default) => _grain.CreateAsync(spec, cancellationToken);

    public Task<ContainerStatus> StartAsync(CancellationToken cancellationToken = default) => _grain.StartAsync(cancellationToken);

    public Task<ContainerStatus> GetStatusAsync(CancellationToken cancellationToken = default) => RetryAsync(() => _grain.GetStatusAsync(cancellationToken), cancellationToken);

    public Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(CancellationToken cancellationToken = default) =>
        RetryAsync(() => _grain.GetProcessesAsync(cancellationToken), cancellationToken);

    public Task<ContainerStats> GetStatsAsync(CancellationToken cancellationToken = default) => RetryAsync(() => _grain.GetStatsAsync(cancellationToken), cancellationToken);

    public Task<int> TranslatePidAsync(int pid, string fromContext, string toContext, CancellationToken cancellationToken = default) =>
        RetryAsync(() => _grain.TranslatePidAsync(pid, fromContext, toContext, cancellationToken), cancellationToken);

    /// <summary>Sends the stop signal and, after <paramref name="grace"/>, SIGKILL.</summary>
    public Task<ExitStatus> StopAsync(TimeSpan grace, CancellationToken cancellationToken = default) =>
        RetryAsync(() => _grain.StopAsync(grace, cancellationToken), cancellationToken);

    public Task SignalAsync(int signal, int virtualPid = 1, CancellationToken cancellationToken = default) => _grain.KillAsync(signal, virtualPid, cancellationToken);

    /// <summary>Waits for the exit, however long that takes and wherever the container goes meanwhile.</summary>
    public async Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (await RetryAsync(() => _grain.WaitAsync(Poll, cancellationToken), cancellationToken) is { } exit)
                return exit;
        }
    }

    /// <summary>Runs a further program inside and returns when it has ended.</summary>
    public async Task<ExecResult> ExecAsync(ExecRequest request, CancellationToken cancellationToken = default)
    {
        using var stdout = new MemoryStream();
        using var stderr = new MemoryStream();
        await foreach (ExecOutput output in ExecStreamAsync(request, cancellationToken))
        {
            stdout.Write(output.Stdout);
            stderr.Write(output.Stderr);
            if (output.Exit is { } exit)
                return new ExecResult(exit, stdout.ToArray(), stderr.ToArray());
        }
        throw new ContainerException(ContainerErrorCode.Internal, $"The exec in '{Name}' ended without an exit status.");
    }

    public Task<ExecResult> ExecAsync(IReadOnlyList<string> args, CancellationToken cancellationToken = default) =>
        ExecAsync(new ExecRequest { Args = args }, cancellationToken);

    /// <summary>Runs a further program inside; its output as it comes. The last element carries the exit status.</summary>
    public async IAsyncEnumerable<ExecOutput> ExecStreamAsync(ExecRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ExecStarted exec = await _grain.ExecAsync(request, cancellationToken);
        LogCursor cursor = LogCursor.Start;
        while (true)
        {
            LogCursor from = cursor;
            ExecOutput output = await RetryAsync(() => _grain.ReadExecAsync(exec.ExecId, from, Poll, cancellationToken), cancellationToken);
            cursor = output.Next;
            if (output.Stdout.Length > 0 || output.Stderr.Length > 0 || output.Exit is not null)
                yield return output;
            if (output.Exit is not null)
                yield break;
        }
    }

    /// <summary>
    /// The container's output from a cursor on (default: the beginning). With <paramref name="follow"/> it goes on until the
    /// container has ended, across moves.
    /// </summary>
    public async IAsyncEnumerable<LogChunk> LogsAsync(LogCursor? from = null, bool follow = false, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        LogCursor cursor = from ?? LogCursor.Start;
        while (true)
        {
            LogCursor here = cursor;
            LogChunk chunk = await RetryAsync(() => _grain.ReadLogsAsync(here, MaxChunkBytes, follow ? Poll : TimeSpan.Zero, cancellationToken), cancellationToken);
            cursor = chunk.Next;
            bool nothing = chunk.Stdout.Length == 0 && chunk.Stderr.Length == 0;
            if (!nothing)
                yield return chunk;
            if (chunk.Ended || (nothing && !follow))
                yield break;
        }
    }

    /// <summary>
    /// Moves the container and returns when the move has ended. Cancelling stops it before its commit; after the commit it has
    /// happened. <paramref name="targetHost"/> null lets the cluster choose.
    /// </summary>
    /// <exception cref="ContainerException">The move failed; the container runs on where it was.</exception>
    public async Task<MigrationReport> MigrateAsync(string? targetHost = null, MigrateOptions? options = null, CancellationToken cancellationToken = default)
    {
        MigrationStarted started = await _grain.MigrateAsync(targetHost, options ?? new MigrateOptions(), cancellationToken);
        MigrationReport report = started.Report ?? await FollowAsync(started);
        return report.Error is null ? report : throw new ContainerException(report.ErrorCode ?? ContainerErrorCode.MoveFailed, report.Error);
    }

    public Task<CheckpointReport> CheckpointAsync(string? path = null, CancellationToken cancellationToken = default) => _grain.CheckpointAsync(path, cancellationToken);

    public Task<ContainerStatus> RestoreAsync(string? path = null, string? host = null, CancellationToken cancellationToken = default) =>
        _grain.RestoreAsync(path, host, cancellationToken);

    public Task<CheckpointReport> SuspendAsync(string? path = null, CancellationToken cancellationToken = default) => _grain.SuspendAsync(path, cancellationToken);

    public Task DeleteAsync(bool force = false, CancellationToken cancellationToken = default) => _grain.DeleteAsync(force, cancellationToken);

    /// <summary>From the hand-over on the move ends by itself, so the caller's token has no say any more.</summary>
    private async Task<MigrationReport> FollowAsync(MigrationStarted started)
    {
        long begun = _time.GetTimestamp();
        while (_time.GetElapsedTime(begun) < LongestReportWait)
        {
            if (await RetryAsync(() => _grain.GetMigrationAsync(started.MigrationId, CancellationToken.None), CancellationToken.None) is { } report)
                return report;
            await Task.Delay(ReportPause, _time, CancellationToken.None);
        }
        throw new ContainerException(ContainerErrorCode.Timeout,
            $"The end of the move of '{Name}' to {started.To} is not known after {LongestReportWait.TotalMinutes:F0} minutes; its status says where it is.");
    }

    private Task<T> RetryAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken) => Transient.RetryAsync(_time, call, cancellationToken);
}
