using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace ContainerGrains.Grains;

/// <summary>
/// Empties a host. The work is its own and not that of the call that ordered it; its report is kept at each step, so that an activation
/// elsewhere, after the loss of a silo, goes on from there at the next call. Reentrant: orders and questions come while it works.
/// </summary>
[GrainType("drain"), KeepAlive, Reentrant, Immovable(ImmovableKind.Any), AwayFromHostPlacement]
public sealed partial class DrainGrain(
    [PersistentState("drain", RecordStore.StorageName)] IPersistentState<DrainReport> state,
    RecordStore records, HostDirectory hosts, TimeProvider time, ILogger<DrainGrain> logger) : Grain, IDrainGrain
{
    private const int SizesAtOnce = 16;
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(500);
    // Of a move to here that began before the cordon.
    private static readonly TimeSpan LongestArrival = TimeSpan.FromMinutes(10);

    private readonly AsyncGate _gate = new();
    private readonly AsyncGate _writes = new();
    private readonly Dictionary<string, long> _sizes = [];
    private CancellationTokenSource _deadline = new();
    private DrainMover _mover = null!;
    private bool _leaving;

    private string Host => this.GetPrimaryKeyString();
    private DrainReport Report => state.State;
    private IClusterGrain Cluster => GrainFactory.GetGrain<IClusterGrain>(0);
    private bool MayBegin => !_leaving && Report is { State: DrainState.Draining, Cancelled: false } && !_deadline.IsCancellationRequested;
    private bool AnyWaiting => Report.Containers.Any(c => c.Step == DrainStep.Waiting);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _mover = new DrainMover(Host, GrainFactory, records, time, logger);
        if (Report.State != DrainState.Draining)
            return;
        LogGoesOn(Host);
        // Whether they have moved meanwhile is seen at their turn.
        await ChangeAsync(r => r with { Containers = [.. r.Containers.Select(c => c.Step == DrainStep.Moving ? c with { Step = DrainStep.Waiting } : c)] });
        SetDeadline();
        RunAsync().Ignore();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // Moves under way end by themselves; the next activation finds out how.
        _leaving = true;
        return Task.CompletedTask;
    }

    public async Task<DrainReport> StartAsync(DrainOptions options, CancellationToken cancellationToken)
    {
        DrainRules.Check(options);
        hosts.Require(Host);
        await Cluster.CordonAsync(Host, cancellationToken);
        using (await _gate.EnterAsync(cancellationToken))
        {
            bool joins = Report.State == DrainState.Draining;
            DateTimeOffset now = time.GetUtcNow();
            await ChangeAsync(r => (joins ? r : new DrainReport { Host = Host, State = DrainState.Draining, StartedAt = now }) with
            {
                Parallel = options.Parallel, Deadline = now + options.Deadline, Cancelled = false,
            });
            SetDeadline();
            if (!joins)
            {
                LogBegun(Host, options.Parallel, Report.Deadline);
                RunAsync().Ignore();
            }
        }
        return Report;
    }

    public Task<DrainReport> GetAsync(CancellationToken cancellationToken) => Task.FromResult(Report with { Host = Host });

    public async Task<DrainReport> CancelAsync(CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            if (Report is { State: DrainState.Draining, Cancelled: false })
            {
                LogCancelled(Host);
                await ChangeAsync(r => r with { Cancelled = true });
            }
        }
        return Report with { Host = Host };
    }

    /// <summary>The whole of the work; it belongs to the trace of who ordered it.</summary>
    private async Task RunAsync()
    {
        using Activity? span = ContainerTelemetry.Source.StartActivity("drain");
        span?.SetTag("host.name", Host);
        if (span is not null)
            await ChangeAsync(r => r with { TraceId = span.TraceId.ToString() });
        string? error = null;
        do
        {
            try
            {
                await EmptyAsync();
            }
            catch (Exception e)
            {
                LogFailed(e, Host);
                error = $"The drain of {Host} ended early: {e.Message}; order it again, it goes on with what is left.";
            }
        }
        while (!await TryEndAsync(error));
        if (_leaving)
            return;
        span?.SetTag("drain.moved", Report.Containers.Count(c => c.Step == DrainStep.Moved));
        span?.SetTag("drain.left", Report.Containers.Count(c => c.Step == DrainStep.Stays));
        if (Report.State != DrainState.Drained)
            span?.SetStatus(ActivityStatusCode.Error, error ?? "running containers are left");
    }

    /// <summary>Begins moves as long as it may and there is somebody to move, and waits for them all.</summary>
    private async Task EmptyAsync()
    {
        var moves = new List<Task>();
        try
        {
            await LookAsync();
            for (long begun = time.GetTimestamp(); ; moves.RemoveAll(m => m.IsCompleted))
            {
                while (moves.Count < Report.Parallel && Next() is { } next)
                    moves.Add(MoveAsync(next));
                if (moves.Count > 0)
                {
                    await Task.WhenAny([.. moves, Task.Delay(LookPeriod, time)]);
                    continue;
                }
                // Who was on the way to here, or was started meanwhile, is seen now. In this order: who arrives between the two is seen too.
                bool expecting = await IsExpectingAsync() && time.GetElapsedTime(begun) < LongestArrival;
                await LookAsync();
                if (!MayBegin)
                    return;
                if (AnyWaiting)
                    continue;
                if (!expecting)
                    return;
                await Task.Delay(LookPeriod, time);
            }
        }
        finally
        {
            await Task.WhenAll(moves);
        }
    }

    /// <summary>Whose turn it is; small ones first when time is short. From here on it is moving.</summary>
    private DrainedContainer? Next()
    {
        if (!MayBegin)
            return null;
        DrainedContainer? next = Report.Containers.Where(c => c.Step == DrainStep.Waiting)
            .OrderBy(c => Report.Deadline is null ? 0 : _sizes.GetValueOrDefault(c.Name)).ThenBy(c => c.Name, StringComparer.Ordinal)
            .FirstOrDefault();
        if (next is not null)
            state.State = With(Report, next with { Step = DrainStep.Moving });
        return next;
    }

    private async Task MoveAsync(DrainedContainer container)
    {
        DrainedContainer end;
        try
        {
            end = await _mover.MoveAsync(container, () => MayBegin, c => ChangeAsync(r => With(r, c)), _deadline.Token);
        }
        catch (Exception e)
        {
            LogMoveUnknown(e, container.Name, Host);
            end = container with { Step = DrainStep.Stays, Reason = e.Message, ErrorCode = ContainerErrorCode.Internal };
        }
        await ChangeAsync(r => With(r, end));
    }

    /// <summary>Brings the list up to date with what lives on the host now. What has been tried is not tried again.</summary>
    private async Task LookAsync()
    {
        Dictionary<string, ContainerStatus> here = (await Cluster.GetContainersAsync(CancellationToken.None)).Where(c => c.Host == Host).ToDictionary(c => c.Name);
        if (Report.Deadline is not null)
            await MeasureAsync(here.Values.Where(c => DrainRules.HasProcesses(c.Phase) && !_sizes.ContainsKey(c.Name)).Select(c => c.Name));
        var changed = new List<DrainedContainer>();
        foreach (DrainedContainer known in Report.Containers.Where(c => c.Step is DrainStep.Waiting or DrainStep.NotRunning && !here.ContainsKey(c.Name)))
            changed.Add(_mover.Judge(known, (await records.ReadAsync(known.Name, CancellationToken.None)).Record, null));
        foreach (ContainerStatus container in here.Values)
        {
            DrainedContainer known = Report.Containers.FirstOrDefault(c => c.Name == container.Name) ?? new DrainedContainer { Name = container.Name, Step = DrainStep.Gone };
            DrainStep step = DrainRules.HasProcesses(container.Phase) ? DrainStep.Waiting : DrainStep.NotRunning;
            if (known.Step is DrainStep.Waiting or DrainStep.NotRunning or DrainStep.Gone && known.Step != step)
                changed.Add(known with { Step = step });
            else if (known.Step == DrainStep.Stays && step == DrainStep.NotRunning)
                changed.Add(known with { Step = step, Reason = null, ErrorCode = null });
        }
        if (changed.Count > 0)
            await ChangeAsync(r => changed.Aggregate(r, With));
    }

    /// <summary>How large they are; one that does not say goes last.</summary>
    private async Task MeasureAsync(IEnumerable<string> names)
    {
        foreach (string[] some in names.Chunk(SizesAtOnce))
        {
            await Task.WhenAll(some.Select(async name =>
            {
                try
                {
                    _sizes[name] = (await GrainFactory.GetGrain<IContainerGrain>(name).GetStatsAsync(CancellationToken.None)).MemoryBytes;
                }
                catch (Exception e)
                {
                    LogSizeUnknown(e, name);
                    _sizes[name] = long.MaxValue;
                }
            }));
        }
    }

    private async Task<bool> IsExpectingAsync()
    {
        try
        {
            return (await GrainFactory.GetGrain<IHostGrain>(Host).GetProgressAsync(CancellationToken.None)).Any(p => p.To == Host && p.Stage is not ("done" or "failed"));
        }
        catch (Exception e)
        {
            LogHostSilent(e, Host);
            return false;
        }
    }

    /// <summary>Writes the end, unless an order has come meanwhile that lets it go on.</summary>
    private async Task<bool> TryEndAsync(string? error)
    {
        using (await _gate.EnterAsync(CancellationToken.None))
        {
            if (_leaving)
                return true;
            if (error is null && MayBegin && AnyWaiting)
                return false;
            await ChangeAsync(r =>
            {
                DrainedContainer[] all = [.. r.Containers.Select(c => c.Step == DrainStep.Waiting ? Left(c, error) : c)];
                bool empty = error is null && all.All(c => c.Step != DrainStep.Stays);
                return r with { Containers = all, State = empty ? DrainState.Drained : DrainState.Incomplete, EndedAt = time.GetUtcNow(), Error = error };
            });
        }
        ContainerTelemetry.Drains.Add(1, new KeyValuePair<string, object?>("outcome", Report.State.ToString().ToLowerInvariant()));
        LogEnded(Host, Report.State, Report.Containers.Count(c => c.Step == DrainStep.Moved), Report.Containers.Count(c => c.Step == DrainStep.Stays));
        return true;
    }

    /// <summary>A container whose turn never came.</summary>
    private DrainedContainer Left(DrainedContainer container, string? error)
    {
        ContainerException why = error is not null ? new ContainerException(ContainerErrorCode.Internal, error)
            : Report.Cancelled ? new ContainerException(ContainerErrorCode.Cancelled,
                $"The drain was cancelled before it was the turn of '{container.Name}', which runs on on {Host}; 'cg drain {Host}' goes on with it.")
            : _mover.TooLate(container.Name);
        return container with { Step = DrainStep.Stays, Reason = why.Message, ErrorCode = why.Code };
    }

    private void SetDeadline()
    {
        TimeSpan left = Report.Deadline is not { } deadline ? Timeout.InfiniteTimeSpan
            : deadline - time.GetUtcNow() is { Ticks: > 0 } some ? some : TimeSpan.Zero;
        // Moves under way have the token: a later order changes its time as long as it has not come.
        if (_deadline.IsCancellationRequested || Report.Containers.Count == 0)
            _deadline = new CancellationTokenSource(left, time);
        else
            _deadline.CancelAfter(left);
    }

    private static DrainReport With(DrainReport report, DrainedContainer container) => report with
    {
        Containers = [.. report.Containers.Where(c => c.Name != container.Name).Append(container).OrderBy(c => c.Name, StringComparer.Ordinal)],
    };

    /// <summary>Changes the report and keeps it. What is told does not depend on the store: a write that fails is made up for by the next.</summary>
    private async Task ChangeAsync(Func<DrainReport, DrainReport> change)
    {
        if (_leaving)
            return;
        using (await _writes.EnterAsync(CancellationToken.None))
        {
            state.State = change(state.State);
            try
            {
                await state.WriteStateAsync(CancellationToken.None);
            }
            catch (InconsistentStateException e)
            {
                LogTakenOver(e, Host);
                _leaving = true;
                DeactivateOnIdle();
            }
            catch (Exception e)
            {
                LogNotKept(e, Host);
            }
        }
    }

    [LoggerMessage(210, LogLevel.Information, "Host {Host} is drained, {Parallel} containers at a time, until {Deadline}")]
    private partial void LogBegun(string host, int parallel, DateTimeOffset? deadline);

    [LoggerMessage(211, LogLevel.Information, "The drain of host {Host} goes on")]
    private partial void LogGoesOn(string host);

    [LoggerMessage(212, LogLevel.Information, "The drain of host {Host} begins no more moves")]
    private partial void LogCancelled(string host);

    [LoggerMessage(213, LogLevel.Information, "The drain of host {Host} has ended: {State}, {Moved} moved, {Left} left")]
    private partial void LogEnded(string host, DrainState state, int moved, int left);

    [LoggerMessage(214, LogLevel.Error, "The drain of host {Host} failed")]
    private partial void LogFailed(Exception exception, string host);

    [LoggerMessage(215, LogLevel.Error, "What became of container {Name} of drained host {Host} is not known")]
    private partial void LogMoveUnknown(Exception exception, string name, string host);

    [LoggerMessage(216, LogLevel.Warning, "The size of container {Name} is not known; it moves last")]
    private partial void LogSizeUnknown(Exception exception, string name);

    [LoggerMessage(217, LogLevel.Warning, "Host {Host}, which is drained, does not answer")]
    private partial void LogHostSilent(Exception exception, string host);

    [LoggerMessage(218, LogLevel.Warning, "The drain of host {Host} was taken over by another activation")]
    private partial void LogTakenOver(Exception exception, string host);

    [LoggerMessage(219, LogLevel.Warning, "The report of the drain of host {Host} could not be kept")]
    private partial void LogNotKept(Exception exception, string host);
}
