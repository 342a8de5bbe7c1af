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

    public Task<IReadOnlyList<Obstacle>> PreflightAsync(string container, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Obstacle>>(
        container.StartsWith("io-uring", StringComparison.Ordinal) ? [new Obstacle(7, "db", "descriptor 3", "it is an io_uring", "use epoll")] : []);

    public Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Obstacle>>(
        question.Spec.Rootfs == "/only/elsewhere" ? [new Obstacle(0, "", $"host {name}", "the rootfs is missing there", "copy it")] : []);

    public async Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken)
    {
        world.UnderWay[order.MigrationId] = order;
        try
        {
            if (world.OnPrepare is { } hook)
                await hook(order, cancellationToken);
        }
        catch
        {
            world.UnderWay.TryRemove(order.MigrationId, out _);
            throw;
        }
        world.Moves[order.MigrationId] = new FakeMove(order, name);
    }

    public Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken) =>
        world.Moves.TryGetValue(migrationId, out FakeMove? move) ? SourceDecidesAsync(move, reason) : Task.CompletedTask;

    public async Task<RunningState> CutOverAsync(string migrationId, CancellationToken cancellationToken)
    {
        FakeMove move = world.Moves[migrationId];
        Copy shadow = world.With(copies =>
        {
            Copy source = copies[(move.Source, move.Order.Name)];
            source.State = CopyState.Frozen;
            return copies[(name, move.Order.Name)] = new Copy(source.Counter) { State = CopyState.Shadow };
        });
        if (world.OnCutOver is { } hook)
            await hook(migrationId);
        return StateOf(shadow);
    }

    public async Task<MigrationReport> CommitMoveAsync(string migrationId, long generation, CancellationToken cancellationToken)
    {
        FakeMove move = world.Moves[migrationId];
        world.With(copies =>
        {
            copies.Remove((move.Source, move.Order.Name));
            return copies[(name, move.Order.Name)].State = CopyState.Running;
        });
        if (world.OnCommit is { } hook)
            await hook(migrationId);
        world.UnderWay.TryRemove(migrationId, out _);
        return new MigrationReport { Name = move.Order.Name, MigrationId = migrationId, From = move.Source, To = name, Generation = generation, FreezeMs = 1 };
    }

    public Task AbortMoveAsync(string migrationId, string reason, CancellationToken cancellationToken)
    {
        FakeMove move = world.Moves[migrationId];
        world.With(copies => copies.Remove((name, move.Order.Name)));
        world.UnderWay.TryRemove(migrationId, out _);
        return world.Hosts[move.Source].SourceDecidesAsync(move, reason);
    }

    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<MigrationProgress>>(
        [.. world.UnderWay.Values.Where(o => o.TargetHost == name).Select(o => new MigrationProgress { MigrationId = o.MigrationId, Name = o.Name, From = "", To = name, Stage = "rounds" })]);

    private async Task SourceDecidesAsync(FakeMove move, string reason)
    {
        if (!world.With(copies => copies.TryGetValue((name, move.Order.Name), out Copy? copy) && copy.State == CopyState.Frozen))
            return;
        MoveVerdict verdict = await arbiter().ReclaimAsync(move.Identity, ContainerErrorCode.MoveFailed, reason, CancellationToken.None);
        world.With(copies =>
        {
            if (verdict == MoveVerdict.Source)
                copies[(name, move.Order.Name)].State = CopyState.Running;
            else
                copies.Remove((name, move.Order.Name));
            return 0;
        });
    }

    private static RunningState StateOf(Copy copy) => new(4711, 5, copy.StartedAt, [new ProcessInfo { Pids = [4711, 1] }], null);
}
