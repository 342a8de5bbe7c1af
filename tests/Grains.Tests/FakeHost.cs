using System.Collections.Concurrent;

namespace ContainerGrains.Grains.Tests;

/// <summary>A host of the fake world. As a real one it thaws a frozen copy only when the record says so.</summary>
public sealed class FakeHost(FakeWorld world, string name, Func<IMoveArbiter> arbiter) : IContainerHost
{
    private readonly ConcurrentDictionary<string, ExitStatus> _exits = new();

    public string Name => name;
    public event Action<string, ExitStatus>? Exited;

    public void RaiseExited(string container, ExitStatus exit)
    {
        _exits[container] = exit;
        Exited?.Invoke(container, exit);
    }

    public Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken) => Task.FromResult(new HostInfo
    {
        Name = name,
        State = "Active",
        DataAddress = $"{name}:1",
        MemoryAvailableBytes = 1L << 34,
        Containers = world.With(copies => copies.Keys.Count(k => k.Host == name)),
    });

    public Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<HostCheck>>([]);

    public Task<RunningState> StartAsync(string container, ContainerSpec spec, string address, long generation, CancellationToken cancellationToken)
    {
        if (spec.Args[0] == "missing")
            throw new ContainerException(ContainerErrorCode.ProgramNotFound, "There is no program 'missing'.");
        _exits.TryRemove(container, out _);
        Copy copy = world.With(copies => copies.TryGetValue((name, container), out Copy? there) ? there : copies[(name, container)] = new Copy(0));
        if (spec.Args[0] == "true")
            world.Exit(container, new ExitStatus(0, 0));
        return Task.FromResult(StateOf(copy));
    }

    public Task<RunningState?> FindAsync(string container, CancellationToken cancellationToken)
    {
        Copy? copy = world.With(copies => copies.GetValueOrDefault((name, container)));
        if (copy is not null)
            return Task.FromResult<RunningState?>(StateOf(copy));
        return Task.FromResult(_exits.TryGetValue(container, out ExitStatus? exit) ? StateOf(new Copy(0)) with { Exit = exit } : null);
    }

    public Task SignalAsync(string container, int signal, int virtualPid, CancellationToken cancellationToken)
    {
        world.With(copies =>
        {
            if (!copies.TryGetValue((name, container), out Copy? copy) || copy.State != CopyState.Running)
            {
                world.Violations.Enqueue($"a signal reached {container} on {name}, where it does not run");
                throw new ContainerException(ContainerErrorCode.NoSuchProcess, $"{container} does not run on {name}.");
            }
            return copy.Counter++;
        });
        return Task.CompletedTask;
    }

    public Task<ExitStatus> StopAsync(string container, int signal, TimeSpan grace, CancellationToken cancellationToken)
    {
        var exit = new ExitStatus(0, signal);
        if (world.With(copies => copies.Remove((name, container))))
            RaiseExited(container, exit);
        return Task.FromResult(exit);
    }

    public async Task<ExitStatus?> WaitAsync(string container, TimeSpan wait, CancellationToken cancellationToken)
    {
        for (DateTime end = DateTime.UtcNow + wait; DateTime.UtcNow < end;)
        {
            if (_exits.TryGetValue(container, out ExitStatus? exit))
                return exit;
            await Task.Delay(5, cancellationToken);
        }
        return null;
    }

    public Task<ExecStarted> ExecAsync(string container, ExecRequest request, CancellationToken cancellationToken) => Task.FromResult(new ExecStarted("1", 2));
    public Task<ExecOutput> ReadExecAsync(string container, string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken) =>
        Task.FromResult(new ExecOutput([], [], from, new ExitStatus(0, 0)));

    public Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(string container, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ProcessInfo>>([new ProcessInfo { Pids = [4711, 1] }, new ProcessInfo { Pids = [4712, 2] }]);

    public Task<ContainerStats> GetStatsAsync(string container, CancellationToken cancellationToken) => Task.FromResult(new ContainerStats
    {
        Name = container,
        MemoryBytes = world.MemoryOf.GetValueOrDefault(container),
    });

    public async Task<LogChunk> ReadLogsAsync(string container, LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken)
    {
        await Task.Delay(wait, cancellationToken);
        return new LogChunk([], [], from, Ended: false);
    }

    public Task<CheckpointReport> CheckpointAsync(string container, ContainerSpec spec, string? path, bool leaveRunning, CancellationToken cancellationToken)
    {
        string image = path ?? $"/images/{container}";
        world.With(copies =>
        {
            world.Images[image] = copies[(name, container)].Counter;
            return leaveRunning || copies.Remove((name, container));
        });
        return Task.FromResult(new CheckpointReport { Name = container, Host = name, Path = image });
    }

    public Task<RunningState> RestoreAsync(string container, ContainerSpec spec, string address, string path, long generation, CancellationToken cancellationToken)
    {
        if (!world.Images.TryGetValue(path, out long counter))
            throw new ContainerException(ContainerErrorCode.BadImage, $"There is no image {path} on {name}.");
        return Task.FromResult(StateOf(world.With(copies => copies[(name, container)] = new Copy(counter))));
    }

    public Task DeleteAsync(string container, CancellationToken cancellationToken)
    {
        world.With(copies => copies.Remove((name, container)));
        _exits.TryRemove(container, out _);
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<Obstacle>> PreflightAsync(string container, CancellationToken cancellationToken)
    {
        await world.AtAsync(container, "preflight");
        return container.StartsWith("io-uring", StringComparison.Ordinal) ? [new Obstacle(7, "db", "descriptor 3", "it is an io_uring", "use epoll")] : [];
    }

    public Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Obstacle>>(
        question.Spec.Rootfs == "/only/elsewhere" ? [new Obstacle(0, "", $"host {name}", "the rootfs is missing there", "copy it")] : []);

    public async Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken)
    {
        world.UnderWay[order.MigrationId] = order;
        try
        {
            await world.AtAsync(order.Name, "prepare");
            cancellationToken.ThrowIfCancellationRequested();
            if (world.OnPrepare is { } hook)
                await hook(order, cancellationToken);
        }
        catch
        {
            world.UnderWay.TryRemove(order.MigrationId, out _);
            throw;
        }
        world.Moves[order.MigrationId] = new FakeMove(order, name);
        await world.AtAsync(order.Name, "prepared");
    }

    public async Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken)
    {
        if (!world.Moves.TryGetValue(migrationId, out FakeMove? move))
            return;
        await world.AtAsync(move.Order.Name, "abandon");
        await SourceAsksAsync(move, reason);
        await world.AtAsync(move.Order.Name, "abandoned");
    }

    public async Task<RunningState> CutOverAsync(string migrationId, CancellationToken cancellationToken)
    {
        FakeMove move = world.Moves[migrationId];
        await world.AtAsync(move.Order.Name, "cut-over");
        Copy shadow = world.With(copies =>
        {
            // A source that has given up meanwhile, or has no such container any more, has closed the link.
            if (!copies.TryGetValue((move.Source, move.Order.Name), out Copy? source) || move.IsDecided)
                throw new ContainerException(ContainerErrorCode.MoveFailed, $"The link to {move.Source} is closed.");
            (source.State, source.Move) = (CopyState.Frozen, move);
            return copies[(name, move.Order.Name)] = new Copy(source.Counter) { State = CopyState.Shadow, Move = move };
        });
        await world.AtAsync(move.Order.Name, "frozen");
        if (world.OnCutOver is { } hook)
            await hook(migrationId);
        await world.AtAsync(move.Order.Name, "complete");
        return StateOf(shadow);
    }

    public async Task<MigrationReport> CommitMoveAsync(string migrationId, long generation, CancellationToken cancellationToken)
    {
        FakeMove move = world.Moves[migrationId];
        await world.AtAsync(move.Order.Name, "commit");
        Thaw(move);
        await TellSourceAsync(move);
        if (world.OnCommit is { } hook)
            await hook(migrationId);
        world.UnderWay.TryRemove(migrationId, out _);
        await world.AtAsync(move.Order.Name, "committed");
        return new MigrationReport { Name = move.Order.Name, MigrationId = migrationId, From = move.Source, To = name, Generation = generation, FreezeMs = 1 };
    }

    public async Task AbortMoveAsync(string migrationId, string reason, CancellationToken cancellationToken)
    {
        FakeMove move = world.Moves[migrationId];
        await world.AtAsync(move.Order.Name, "abort");
        Discard(move);
        world.UnderWay.TryRemove(migrationId, out _);
        await world.AtAsync(move.Order.Name, "aborted");
        await world.Hosts[move.Source].SourceAsksAsync(move, reason);
    }

    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<MigrationProgress>>(
        [.. world.UnderWay.Values.Where(o => o.TargetHost == name).Select(o => new MigrationProgress { MigrationId = o.MigrationId, Name = o.Name, From = "", To = name, Stage = "rounds" })]);

    /// <summary>The source has waited long enough, or was told to give up: it thaws its frozen copy only when the record is its own.</summary>
    public async Task SourceAsksAsync(FakeMove move, string reason)
    {
        bool frozen = world.With(copies =>
        {
            // Nothing is frozen yet: it gives up by itself.
            if (copies.TryGetValue((name, move.Order.Name), out Copy? copy) && copy.State == CopyState.Running)
                move.IsDecided = true;
            return Is(copy, CopyState.Frozen, move);
        });
        if (!frozen || move.IsDecided)
            return;
        MoveVerdict verdict;
        while (true)
        {
            try
            {
                verdict = await arbiter().ReclaimAsync(move.Identity, ContainerErrorCode.MoveFailed, reason, CancellationToken.None);
                break;
            }
            catch (IOException)
            {
                // The store is silent: the copy stays frozen, and it is asked again.
            }
        }
        world.With(copies =>
        {
            if (copies.TryGetValue((name, move.Order.Name), out Copy? copy) && Is(copy, CopyState.Frozen, move))
            {
                if (verdict == MoveVerdict.Source)
                    copy.State = CopyState.Running;
                else
                    copies.Remove((name, move.Order.Name));
            }
            return move.IsDecided = true;
        });
    }

    /// <summary>The target holds a complete shadow and has heard nothing from its grain.</summary>
    public async Task TargetAsksAsync(FakeMove move, bool claims)
    {
        if (!world.With(copies => Is(copies.GetValueOrDefault((name, move.Order.Name)), CopyState.Shadow, move)))
            return;
        MoveVerdict verdict;
        try
        {
            verdict = claims
                ? await arbiter().ClaimAsync(move.Identity, StateOf(new Copy(0)), CancellationToken.None)
                : await arbiter().ReadAsync(move.Identity, CancellationToken.None);
        }
        catch (IOException)
        {
            // The store is silent: the shadow waits.
            return;
        }
        if (verdict == MoveVerdict.Target)
        {
            Thaw(move);
            await TellSourceAsync(move);
        }
        else if (verdict != MoveVerdict.Undecided)
        {
            Discard(move);
        }
    }

    private static bool Is(Copy? copy, CopyState state, FakeMove move) => copy?.State == state && copy.Move == move;

    // Again is no error: the record and the grain may both have said so.
    private void Thaw(FakeMove move) => world.With(copies => copies.TryGetValue((name, move.Order.Name), out Copy? copy) && copy.Move == move
        ? copy.State = CopyState.Running
        : throw new ContainerException(ContainerErrorCode.MoveFailed, $"There is nothing of {move.Order.Name} on {name}."));

    private void Discard(FakeMove move) => world.With(copies =>
        Is(copies.GetValueOrDefault((name, move.Order.Name)), CopyState.Shadow, move) && copies.Remove((name, move.Order.Name)));

    // A word that is lost is no failure of the target's: the source asks the record in the end.
    private async Task TellSourceAsync(FakeMove move)
    {
        try
        {
            await world.AtAsync(move.Order.Name, "tell");
        }
        catch (Exception e) when (e is IOException or ContainerException)
        {
            return;
        }
        world.With(copies => Is(copies.GetValueOrDefault((move.Source, move.Order.Name)), CopyState.Frozen, move) && copies.Remove((move.Source, move.Order.Name)));
    }

    private static RunningState StateOf(Copy copy) => new(4711, 5, copy.StartedAt, [new ProcessInfo { Pids = [4711, 1] }], null);
}
