using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace ContainerGrains.Grains;

/// <summary>
/// A container. It decides and records; what is done to processes is done by its home host's port. Reentrant: a pre-copy that
/// takes minutes, or a long poll, must not hold up status, exec or logs. What changes the container's life takes <see cref="_gate"/>.
/// </summary>
[GrainType(RecordStore.ContainerGrainType), Immovable(ImmovableKind.Any), KeepAlive, Reentrant, HomeHostPlacement]
public sealed partial class ContainerGrain(
    [PersistentState(ContainerRecord.StateName, RecordStore.StorageName)] IPersistentState<ContainerRecord> state,
    IContainerHost host, HostDirectory hosts, TimeProvider time, ILogger<ContainerGrain> logger)
    : Grain, IContainerGrain, IContainerEvents, IGrainMigrationParticipant
{
    // Below Orleans' response timeout, so that a long poll answers and is repeated.
    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan RemovalDelay = TimeSpan.FromSeconds(5);
    private const int MaxUpdateAttempts = 10;

    private readonly AsyncGate _gate = new();
    private readonly AsyncGate _writes = new();
    private CancellationTokenSource _interruptPolls = new();
    private bool _mayBeStale;

    private string Name => this.GetPrimaryKeyString();
    private ContainerRecord Record => state.State;
    private IClusterGrain Cluster => GrainFactory.GetGrain<IClusterGrain>(0);

    public async Task<ContainerStatus> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken)
    {
        ContainerName.Check(Name);
        SpecRules.Check(spec);
        using (await _gate.EnterAsync(cancellationToken))
        {
            if (Record is { Phase: ContainerPhase.Exited, Spec.RemoveOnExit: true })
                await RemoveAsync(cancellationToken);
            await CreateRecordAsync(spec, null, cancellationToken);
            return Record.ToStatus();
        }
    }

    public async Task<ContainerStatus> StartAsync(CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Start);
            IContainerHost home = Home();
            long generation = Record.Phase == ContainerPhase.Exited ? Record.Generation + 1 : Record.Generation;
            RunningState running = await home.StartAsync(Name, Record.Spec!, Record.Address, generation, cancellationToken);
            await UpdateAsync(r => Started(r, running, generation, ContainerEvent.Start));
            if (running.Exit is { } exit)
                await ExitedAsync(exit);
            return Record.ToStatus();
        }
    }

    public async Task<ExitStatus> StopAsync(TimeSpan grace, CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Stop);
            if (Record is { Phase: ContainerPhase.Exited, Exit: { } before })
                return before;
            ExitStatus exit = await Home().StopAsync(Name, Record.Spec!.StopSignal, grace, cancellationToken);
            await ExitedAsync(exit);
            return exit;
        }
    }

    public async Task KillAsync(int signal, int virtualPid, CancellationToken cancellationToken)
    {
        ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Signal);
        await Home().SignalAsync(Name, signal, virtualPid, cancellationToken);
    }

    public async Task<ExecStarted> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Exec);
        const int MaxInputBytes = 1 << 20;
        if (request.Args.Count == 0 || request.StandardInput.Length > MaxInputBytes)
            throw new ContainerException(ContainerErrorCode.InvalidSpec, "An exec needs a program, and its standard input may have at most 1 MiB.");
        return await Home().ExecAsync(Name, request, cancellationToken);
    }

    public async Task<ExecOutput> ReadExecAsync(string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken)
    {
        RequireExists();
        return await PollAsync(wait, (limit, token) => Home().ReadExecAsync(Name, execId, from, limit, token),
            () => new ExecOutput([], [], from, null), cancellationToken);
    }

    public Task<ContainerStatus> GetStatusAsync(CancellationToken cancellationToken)
    {
        RequireExists();
        // A status that nobody can vouch for is not given; listings show the record.
        _ = Home();
        return Task.FromResult(Record.ToStatus());
    }

    public async Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(CancellationToken cancellationToken)
    {
        RequireExists();
        return HasProcesses ? await Home().GetProcessesAsync(Name, cancellationToken) : [];
    }

    public async Task<ExitStatus?> WaitAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        RequireExists();
        if (Record.Exit is { } exit)
            return exit;
        ExitStatus? found = await PollAsync<ExitStatus?>(wait, async (limit, token) =>
        {
            if (HasProcesses)
                return await Home().WaitAsync(Name, limit, token);
            await Task.Delay(limit, time, token);
            return Record.Exit;
        }, () => Record.Exit, cancellationToken);
        if (found is not null && HasProcesses)
            await ExitedAsync(found);
        return found;
    }

    public async Task<ContainerStats> GetStatsAsync(CancellationToken cancellationToken)
    {
        RequireExists();
        return HasProcesses ? await Home().GetStatsAsync(Name, cancellationToken) : new ContainerStats { Name = Name };
    }

    public async Task<LogChunk> ReadLogsAsync(LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken)
    {
        RequireExists();
        if (Record.Phase == ContainerPhase.Created)
            return new LogChunk([], [], from, Ended: false);
        const int MaxChunkBytes = 1 << 20;
        return await PollAsync(wait, (limit, token) => Home().ReadLogsAsync(Name, from, Math.Clamp(maxBytes, 1, MaxChunkBytes), limit, token),
            () => new LogChunk([], [], from, Ended: false), cancellationToken);
    }

    public async Task<int> TranslatePidAsync(int pid, string fromContext, string toContext, CancellationToken cancellationToken)
    {
        ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Exec);
        int from = LevelOf(fromContext), to = LevelOf(toContext);
        IReadOnlyList<ProcessInfo> processes = await Home().GetProcessesAsync(Name, cancellationToken);
        ProcessInfo? process = processes.FirstOrDefault(p => p.Pids.Count > Math.Max(from, to) && p.Pids[from] == pid);
        return process?.Pids[to] ?? throw new ContainerException(ContainerErrorCode.NoSuchProcess,
            $"Container '{Name}' has no process with pid {pid} {(from == 0 ? $"on its host {Record.Home}" : "inside")}; 'cg top {Name}' lists them.");
    }

    public async Task<CheckpointReport> CheckpointAsync(string? path, CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Checkpoint);
            CheckpointReport report = await Home().CheckpointAsync(Name, Record.Spec!, path, leaveRunning: true, cancellationToken);
            await UpdateAsync(r => r with { LastCheckpoint = report.Path });
            return report;
        }
    }

    public async Task<CheckpointReport> SuspendAsync(string? path, CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Suspend);
            CheckpointReport report = await Home().CheckpointAsync(Name, Record.Spec!, path, leaveRunning: false, cancellationToken);
            await UpdateAsync(r => r with { Phase = ContainerPhase.Suspended, LastCheckpoint = report.Path, Running = null, Exit = null });
            return report;
        }
    }

    public async Task<ContainerStatus> RestoreAsync(string? path, string? host, CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Restore);
            await RestoreHereAsync(path, host ?? Record.Home, cancellationToken);
            return Record.ToStatus();
        }
    }

    public async Task<ContainerStatus> ResumeAsync(ContainerSpec spec, string path, string host, CancellationToken cancellationToken)
    {
        ContainerName.Check(Name);
        SpecRules.Check(spec);
        using (await _gate.EnterAsync(cancellationToken))
        {
            if (!Record.Exists)
                await CreateRecordAsync(spec, host, cancellationToken);
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Restore);
            await RestoreHereAsync(path, host, cancellationToken);
            return Record.ToStatus();
        }
    }

    public async Task DeleteAsync(bool force, CancellationToken cancellationToken)
    {
        if (force)
            _move?.Cancellation.Cancel();
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, force ? ContainerEvent.ForceDelete : ContainerEvent.Delete);
            await RemoveAsync(cancellationToken);
        }
    }

    public async Task ProcessesExitedAsync(string host, ExitStatus exit)
    {
        // The gate: a start whose program ends at once is recorded first.
        using (await _gate.EnterAsync(CancellationToken.None))
        {
            if (Record.Home != host || !ContainerLifecycle.Allows(Record.Phase, ContainerEvent.Exit))
                return;
            // The end of an earlier run, told late, must not end the present one.
            if (HasProcesses && await Home().FindAsync(Name, CancellationToken.None) is { Exit: null })
                return;
            await ExitedAsync(exit);
        }
    }

    private bool HasProcesses => Record.Phase is ContainerPhase.Running or ContainerPhase.Moving;

    /// <summary>The port of the container's home: here, or on the way there.</summary>
    /// <exception cref="ContainerException">HostUnreachable: no second copy is ever started elsewhere.</exception>
    private IContainerHost Home()
    {
        if (Record.Home == host.Name)
            return host;
        if (hosts.Find(Record.Home) is null)
        {
            // Not kept here: the next call asks again where the home is.
            DeactivateOnIdle();
            throw new ContainerException(ContainerErrorCode.HostUnreachable,
                $"Container '{Name}' lives on {Record.Home}, which is not reachable; bring that host back, or remove the container with force.");
        }
        LeaveForHome();
        return new RemoteHost(Record.Home, GrainFactory.GetGrain<IHostCommands>(Record.Home));
    }

    private void RequireExists()
    {
        if (!Record.Exists)
            throw new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{Name}' in the cluster; 'cg ps -a' lists those that are there.");
    }

    private static int LevelOf(string context) => context switch
    {
        "host" => 0,
        "" => 1,
        _ => throw new ContainerException(ContainerErrorCode.InvalidSpec,
            $"'{context}' is not a context of this container: use '' for the container itself or 'host'."),
    };

    private async Task CreateRecordAsync(ContainerSpec spec, string? chosenHost, CancellationToken cancellationToken)
    {
        if (Record.Exists)
            throw new ContainerException(ContainerErrorCode.NameTaken,
                $"The name '{Name}' is taken by a container on {Record.Home} since {Record.CreatedAt:u}; choose another or remove that container.");
        string home = chosenHost ?? await Cluster.ChooseHostAsync(spec, null, cancellationToken);
        hosts.Require(home);
        ContainerClaim claim = await Cluster.ClaimAsync(Name, home, cancellationToken);
        var record = new ContainerRecord
        {
            Name = Name,
            Spec = spec,
            Home = home,
            Generation = claim.Generation,
            Phase = ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.Create),
            Address = claim.Address,
            CreatedAt = time.GetUtcNow(),
        };
        if (!await TryWriteAsync(record))
            throw new ContainerException(ContainerErrorCode.NameTaken, $"The name '{Name}' was taken by another caller at the same moment; choose another.");
        LogCreated(Name, home, claim.Address);
        if (home != host.Name)
            GoTo(home);
    }

    private static ContainerRecord Started(ContainerRecord record, RunningState running, long generation, ContainerEvent what) => record with
    {
        Phase = ContainerLifecycle.Next(record.Name, record.Phase, what),
        Generation = generation,
        Running = running,
        StartedAt = running.StartedAt,
        Exit = null,
    };

    private async Task RestoreHereAsync(string? path, string targetHost, CancellationToken cancellationToken)
    {
        string before = Record.Home;
        hosts.Require(targetHost);
        if (targetHost != before)
            await Cluster.RequireOpenAsync(targetHost, cancellationToken);
        string image = path ?? Record.LastCheckpoint
            ?? throw new ContainerException(ContainerErrorCode.BadImage, $"Container '{Name}' has no checkpoint; name an image file.");
        // The owner is written before the processes exist: whatever happens in between, no other host may start a copy.
        await UpdateAsync(r => r with { Home = targetHost, Generation = r.Generation + 1 });
        IContainerHost home = Home();
        RunningState running = await home.RestoreAsync(Name, Record.Spec!, Record.Address, image, Record.Generation, cancellationToken);
        await UpdateAsync(r => Started(r, running, r.Generation, ContainerEvent.Restore));
        if (before != targetHost)
            await RemoveRestAsync(before);
        if (targetHost != host.Name)
            GoTo(targetHost);
    }

    /// <summary>Files of a container that was restored elsewhere; a host that cannot be reached keeps them.</summary>
    private async Task RemoveRestAsync(string hostName)
    {
        try
        {
            if (hostName == host.Name)
                await host.DeleteAsync(Name, CancellationToken.None);
            else if (hosts.Find(hostName) is not null)
                await new RemoteHost(hostName, GrainFactory.GetGrain<IHostCommands>(hostName)).DeleteAsync(Name, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogRestRemains(e, Name, hostName);
        }
    }

    private async Task ExitedAsync(ExitStatus exit)
    {
        await UpdateAsync(r => ContainerLifecycle.Allows(r.Phase, ContainerEvent.Exit)
            ? r with { Phase = ContainerPhase.Exited, Exit = r.Exit ?? exit, Running = null, Move = null }
            : r);
        _move?.Cancellation.Cancel();
        ScheduleRemoval();
    }

    /// <summary>A container that removes itself stays for a moment, so that who waits for it gets exit code and output.</summary>
    private void ScheduleRemoval()
    {
        if (Record is { Phase: ContainerPhase.Exited, Spec.RemoveOnExit: true })
            this.RegisterGrainTimer(RemoveExitedAsync, new GrainTimerCreationOptions(RemovalDelay, RemovalDelay) { Interleave = true, KeepAlive = true });
    }

    private async Task RemoveExitedAsync(CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            if (Record is { Phase: ContainerPhase.Exited, Spec.RemoveOnExit: true })
                await RemoveAsync(cancellationToken);
        }
    }

    private async Task RemoveAsync(CancellationToken cancellationToken)
    {
        long lastGeneration = Record.Generation;
        if (Record.Home == host.Name || hosts.Find(Record.Home) is not null)
        {
            await Home().DeleteAsync(Name, cancellationToken);
        }
        else
        {
            LogRemovedWithoutHost(Name, Record.Home);
            // It may have seen the attempt at another start, and remembers.
            lastGeneration++;
        }
        using (await _writes.EnterAsync(CancellationToken.None))
        {
            try
            {
                await state.ClearStateAsync(CancellationToken.None);
            }
            catch (InconsistentStateException)
            {
                await state.ReadStateAsync(CancellationToken.None);
                throw new ContainerException(ContainerErrorCode.StaleGeneration, $"The record of '{Name}' was changed by another at the same moment; repeat the call.");
            }
        }
        await Cluster.ReleaseAsync(Name, lastGeneration, CancellationToken.None);
        LogRemoved(Name);
        DeactivateOnIdle();
    }

    /// <summary>Runs a long poll that ends early when the grain is about to move; the caller repeats it, at the new place.</summary>
    private async Task<T> PollAsync<T>(TimeSpan wait, Func<TimeSpan, CancellationToken, Task<T>> poll, Func<T> nothing, CancellationToken cancellationToken)
    {
        TimeSpan limit = wait < TimeSpan.Zero ? TimeSpan.Zero : wait < LongestPoll ? wait : LongestPoll;
        CancellationToken interrupt = _interruptPolls.Token;
        if (interrupt.IsCancellationRequested)
            limit = TimeSpan.Zero;
        if (limit == TimeSpan.Zero)
            return await poll(limit, cancellationToken);
        using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, interrupt);
        try
        {
            return await poll(limit, both.Token);
        }
        catch (Exception e) when (interrupt.IsCancellationRequested && !cancellationToken.IsCancellationRequested
            && e is OperationCanceledException or ContainerException { Code: ContainerErrorCode.Cancelled })
        {
            return nothing();
        }
    }

    /// <summary>Changes the record; when another has written it, the change is applied to what is there now.</summary>
    /// <exception cref="ContainerException">StaleGeneration: the container has another owner by now.</exception>
    private async Task UpdateAsync(Func<ContainerRecord, ContainerRecord> change)
    {
        using (await _writes.EnterAsync(CancellationToken.None))
        {
            (string home, long generation) = (Record.Home, Record.Generation);
            if (_mayBeStale)
            {
                await state.ReadStateAsync(CancellationToken.None);
                _mayBeStale = false;
            }
            for (int attempt = 1; ; attempt++)
            {
                ContainerRecord next = change(Record);
                if (ReferenceEquals(next, Record))
                    return;
                if (attempt > MaxUpdateAttempts || Record.Home != home || Record.Generation != generation)
                    throw new ContainerException(ContainerErrorCode.StaleGeneration,
                        $"Container '{Name}' was taken over by {Record.Home} (generation {Record.Generation}) in the meantime; repeat the call.");
                if (await WriteOnceAsync(next))
                    return;
            }
        }
    }

    private async Task<bool> TryWriteAsync(ContainerRecord next)
    {
        using (await _writes.EnterAsync(CancellationToken.None))
            return await WriteOnceAsync(next);
    }

    /// <summary>
    /// One compare-and-swap. After a conflict the state holds what the other wrote; after any other failure what was there, until the
    /// next change: the store may have taken the write and lost the answer.
    /// </summary>
    private async Task<bool> WriteOnceAsync(ContainerRecord next)
    {
        ContainerRecord before = Record;
        try
        {
            state.State = next;
            await state.WriteStateAsync(CancellationToken.None);
            return true;
        }
        catch (InconsistentStateException e)
        {
            LogLostWrite(e, Name);
            state.State = before;
            await state.ReadStateAsync(CancellationToken.None);
            return false;
        }
        catch
        {
            state.State = before;
            _mayBeStale = true;
            throw;
        }
    }

    [LoggerMessage(100, LogLevel.Information, "Container {Name} created for {Host} with address {Address}")]
    private partial void LogCreated(string name, string host, string address);

    [LoggerMessage(101, LogLevel.Information, "Container {Name} removed")]
    private partial void LogRemoved(string name);

    [LoggerMessage(102, LogLevel.Warning, "Container {Name} removed although its host {Host} is not reachable; that host discards what it holds when it comes back")]
    private partial void LogRemovedWithoutHost(string name, string host);

    [LoggerMessage(104, LogLevel.Warning, "What is left of container {Name} on {Host}, where it does not live any more, was not removed")]
    private partial void LogRestRemains(Exception exception, string name, string host);

    [LoggerMessage(103, LogLevel.Information, "The record of container {Name} was written by another; it is read again")]
    private partial void LogLostWrite(Exception exception, string name);
}
