using System.Collections.Concurrent;

namespace ContainerGrains.Grains.Tests;

/// <summary>A host is emptied: all that can move has moved, what cannot runs on and is named, and nothing is lost.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private GrainCluster _cluster = null!;
    private FakeWorld World => _cluster.World;
    private IClusterGrain Cluster => _cluster.Client.GetGrain<IClusterGrain>(0);
    private string A => _cluster.Hosts[0];
    private string B => _cluster.Hosts[1];
    private string C => _cluster.Hosts[2];
    private IDrainGrain Drain => _cluster.Client.GetGrain<IDrainGrain>(A);

    public async ValueTask InitializeAsync() => _cluster = await GrainCluster.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Assert.Empty(World.Violations);
    }

    [Fact]
    public async Task All_that_runs_moves_to_the_others_as_many_at_a_time_as_was_said()
    {
        string[] names = [.. Enumerable.Range(0, 6).Select(i => $"c{i}")];
        foreach (string name in names)
            await (await _cluster.RunAsync(name, A)).KillAsync(1, 1, default);
        var held = new Held(World);
        await Drain.StartAsync(new DrainOptions { Parallel = 2 }, default);
        await held.UntilAsync("c1");
        Assert.Equal([DrainStep.Moving, DrainStep.Moving, DrainStep.Waiting], (await Drain.GetAsync(default)).Containers.Take(3).Select(c => c.Step));
        held.Release();
        DrainReport report = await EndAsync();
        Assert.Equal((DrainState.Drained, A, 2, null), (report.State, report.Host, report.Parallel, report.Error));
        Assert.Equal(names, report.Containers.Select(c => c.Name));
        Assert.All(report.Containers, c => Assert.Equal((DrainStep.Moved, 1, 1.0, null), (c.Step, c.Attempts, c.FreezeMs, c.Reason)));
        foreach (DrainedContainer container in report.Containers)
        {
            Assert.Equal([container.To!], World.RunningOn(container.Name));
            Assert.Equal(1, World.CounterOf(container.Name));
            Assert.Equal(container.MigrationId, (await _cluster.Container(container.Name).GetMigrationAsync(container.MigrationId!, default))!.MigrationId);
        }
        Assert.Equal([B, C], report.Containers.Select(c => c.To).Distinct().Order());
        Assert.True((await Cluster.GetHostsAsync(default)).Single(h => h.Name == A).Cordoned);
    }

    [Fact]
    public async Task What_cannot_move_runs_on_and_is_named_with_the_reason()
    {
        await _cluster.RunAsync("io-uring-db", A);
        await _cluster.RunAsync("web", A);
        DrainReport report = await EmptyAsync();
        Assert.Equal(DrainState.Incomplete, report.State);
        DrainedContainer left = Of(report, "io-uring-db");
        Assert.Equal((DrainStep.Stays, ContainerErrorCode.NotCarried, 1), (left.Step, left.ErrorCode, left.Attempts));
        Assert.Contains("it is an io_uring; use epoll", left.Reason);
        Assert.Equal([A], World.RunningOn("io-uring-db"));
        Assert.Equal(ContainerPhase.Running, (await _cluster.Container("io-uring-db").GetStatusAsync(default)).Phase);
        Assert.Equal(DrainStep.Moved, Of(report, "web").Step);
    }

    [Fact]
    public async Task A_host_that_refuses_is_passed_over_for_one_that_takes_it()
    {
        await _cluster.RunAsync("web", A);
        await _cluster.RunAsync("full-c", C);
        World.OnPrepare = (order, _) => order.TargetHost == B ? throw new ContainerException(ContainerErrorCode.OfferRefused, "no root file system") : Task.CompletedTask;
        DrainReport report = await EmptyAsync();
        Assert.Equal((DrainStep.Moved, C, 1), (report.Containers[0].Step, report.Containers[0].To, report.Containers[0].Attempts));
        Assert.Equal([C], World.RunningOn("web"));
    }

    [Fact]
    public async Task When_no_host_takes_it_the_reasons_of_all_are_told()
    {
        await _cluster.RunAsync("web", A);
        World.OnPrepare = (order, _) => throw new ContainerException(ContainerErrorCode.OfferRefused, $"{order.TargetHost} has no root file system.");
        DrainReport report = await EmptyAsync();
        Assert.Equal((DrainState.Incomplete, DrainStep.Stays, 1), (report.State, report.Containers[0].Step, report.Containers[0].Attempts));
        Assert.Contains($"{B} has no root file system.", report.Containers[0].Reason);
        Assert.Contains($"{C} has no root file system.", report.Containers[0].Reason);
        Assert.Equal([A], World.RunningOn("web"));
    }

    [Fact]
    public async Task What_passes_is_tried_again_and_not_for_ever()
    {
        await _cluster.RunAsync("web", A);
        await _cluster.RunAsync("never", A);
        int calls = 0;
        World.OnPrepare = (order, _) => order.Name == "never" || Interlocked.Increment(ref calls) <= 3
            ? throw new ContainerException(ContainerErrorCode.HostUnreachable, "the target does not answer") : Task.CompletedTask;
        DrainReport report = await EmptyAsync();
        // Two hosts at each attempt.
        Assert.Equal((DrainStep.Moved, 2), (Of(report, "web").Step, Of(report, "web").Attempts));
        Assert.Equal((DrainStep.Stays, 5, ContainerErrorCode.HostUnreachable), (Of(report, "never").Step, Of(report, "never").Attempts, Of(report, "never").ErrorCode));
        Assert.Equal([A], World.RunningOn("never"));
    }

    [Fact]
    public async Task A_move_of_somebody_else_is_waited_for()
    {
        IContainerGrain web = await _cluster.RunAsync("web", A);
        var held = new Held(World);
        Task<MigrationStarted> other = web.MigrateAsync(C, new MigrateOptions(), default);
        await held.UntilAsync("web");
        await Drain.StartAsync(new DrainOptions(), default);
        await Wait.UntilAsync(async () => (await Drain.GetAsync(default)).Containers is [{ Step: DrainStep.Moving }]);
        held.Release();
        MigrationStarted moved = await other;
        DrainReport report = await EndAsync();
        Assert.Equal((DrainState.Drained, DrainStep.Moved, C, moved.MigrationId), (report.State, report.Containers[0].Step, report.Containers[0].To, report.Containers[0].MigrationId));
        Assert.Equal([C], World.RunningOn("web"));
    }

    [Fact]
    public async Task What_was_on_its_way_to_the_host_is_moved_on()
    {
        IContainerGrain late = await _cluster.RunAsync("late", B);
        var held = new Held(World, order => order.TargetHost == A);
        Task<MigrationStarted> arriving = late.MigrateAsync(A, new MigrateOptions(), default);
        await held.UntilAsync("late");
        await Drain.StartAsync(new DrainOptions(), default);
        held.Release();
        await arriving;
        DrainReport report = await EndAsync();
        Assert.Equal((DrainState.Drained, "late", DrainStep.Moved), (report.State, report.Containers[0].Name, report.Containers[0].Step));
        Assert.NotEqual([A], World.RunningOn("late"));
    }

    [Fact]
    public async Task Cancelled_it_begins_no_more_moves_and_a_second_drain_goes_on_with_the_rest()
    {
        foreach (string name in (string[])["c0", "c1", "c2"])
            await _cluster.RunAsync(name, A);
        var held = new Held(World);
        await Drain.StartAsync(new DrainOptions { Parallel = 1 }, default);
        await held.UntilAsync("c0");
        DrainReport told = await Drain.CancelAsync(default);
        Assert.Equal((DrainState.Draining, true), (told.State, told.Cancelled));
        held.Release();
        DrainReport report = await EndAsync();
        Assert.Equal((DrainState.Incomplete, true), (report.State, report.Cancelled));
        Assert.Equal([DrainStep.Moved, DrainStep.Stays, DrainStep.Stays], report.Containers.Select(c => c.Step));
        Assert.Equal(ContainerErrorCode.Cancelled, report.Containers[1].ErrorCode);
        Assert.Equal([A, A], World.RunningOn("c1").Concat(World.RunningOn("c2")));
        Assert.True((await Cluster.GetHostsAsync(default)).Single(h => h.Name == A).Cordoned);

        report = await EmptyAsync();
        Assert.Equal((DrainState.Drained, false), (report.State, report.Cancelled));
        Assert.Equal(["c1", "c2"], report.Containers.Select(c => c.Name));
        Assert.All(report.Containers, c => Assert.Equal(DrainStep.Moved, c.Step));
    }

    [Fact]
    public async Task Small_ones_go_first_and_the_deadline_leaves_the_rest_where_it_is()
    {
        foreach ((string name, long bytes) in ((string, long)[])[("a-large", 300), ("b-small", 100), ("c-middle", 200), ("d-larger", 400)])
        {
            World.MemoryOf[name] = bytes;
            await _cluster.RunAsync(name, A);
        }
        var order = new ConcurrentQueue<string>();
        World.OnPrepare = async (move, stop) =>
        {
            order.Enqueue(move.Name);
            if (move.Name == "a-large")
                await Task.Delay(Timeout.Infinite, stop);
        };
        DrainReport report = await EmptyAsync(new DrainOptions { Parallel = 1, Deadline = TimeSpan.FromSeconds(3) });
        Assert.Equal(["b-small", "c-middle", "a-large"], order);
        Assert.Equal(DrainState.Incomplete, report.State);
        Assert.Equal([DrainStep.Stays, DrainStep.Moved, DrainStep.Moved, DrainStep.Stays], report.Containers.Select(c => c.Step));
        foreach (string name in (string[])["a-large", "d-larger"])
        {
            Assert.Equal(ContainerErrorCode.Timeout, Of(report, name).ErrorCode);
            Assert.Contains("deadline", Of(report, name).Reason);
            ContainerStatus status = await _cluster.Container(name).GetStatusAsync(default);
            Assert.Equal((A, ContainerPhase.Running), (status.Host, status.Phase));
            Assert.Equal([A], World.RunningOn(name));
        }
    }

    [Fact]
    public async Task Who_does_not_run_is_listed_and_in_nobodys_way()
    {
        await _cluster.Container("created").CreateAsync(new ContainerSpec { Args = ["sleep"], Host = A }, default);
        await (await _cluster.RunAsync("exited", A)).StopAsync(TimeSpan.Zero, default);
        await (await _cluster.RunAsync("suspended", A)).SuspendAsync(null, default);
        await _cluster.RunAsync("elsewhere", B);
        DrainReport report = await EmptyAsync();
        Assert.Equal(DrainState.Drained, report.State);
        Assert.Equal(["created", "exited", "suspended"], report.Containers.Select(c => c.Name));
        Assert.All(report.Containers, c => Assert.Equal(DrainStep.NotRunning, c.Step));
        Assert.Equal(A, (await _cluster.Container("created").GetStatusAsync(default)).Host);
    }

    [Fact]
    public async Task A_container_that_ends_in_its_move_is_no_failure()
    {
        await _cluster.RunAsync("short", A);
        var held = new Held(World);
        await Drain.StartAsync(new DrainOptions(), default);
        await held.UntilAsync("short");
        await _cluster.Container("short").StopAsync(TimeSpan.Zero, default);
        held.Release();
        DrainReport report = await EndAsync();
        Assert.Equal((DrainState.Drained, DrainStep.NotRunning), (report.State, report.Containers[0].Step));
    }

    [Fact]
    public async Task Ordered_again_while_it_works_it_goes_on_with_the_new_options()
    {
        foreach (string name in (string[])["c0", "c1", "c2"])
            await _cluster.RunAsync(name, A);
        var held = new Held(World);
        DrainReport first = await Drain.StartAsync(new DrainOptions { Parallel = 1 }, default);
        await held.UntilAsync("c0");
        DrainReport second = await Drain.StartAsync(new DrainOptions { Parallel = 3 }, default);
        Assert.Equal((first.StartedAt, 3), (second.StartedAt, second.Parallel));
        await held.UntilAsync("c2");
        held.Release();
        DrainReport report = await EndAsync();
        Assert.Equal(DrainState.Drained, report.State);
        Assert.All(report.Containers, c => Assert.Equal((DrainStep.Moved, 1), (c.Step, c.Attempts)));
    }

    [Fact]
    public async Task An_activation_that_is_lost_is_followed_by_one_that_goes_on()
    {
        foreach (string name in (string[])["c0", "c1", "c2"])
            await _cluster.RunAsync(name, A);
        var held = new Held(World);
        await Drain.StartAsync(new DrainOptions { Parallel = 1 }, default);
        await held.UntilAsync("c0");
        await _cluster.Inner.DeactivateAsync(Drain);
        DrainReport again = await Drain.GetAsync(default);
        Assert.Equal((DrainState.Draining, 1), (again.State, again.Parallel));
        held.Release();
        DrainReport report = await EndAsync();
        Assert.Equal(DrainState.Drained, report.State);
        Assert.Equal(["c0", "c1", "c2"], report.Containers.Select(c => c.Name));
        Assert.All(report.Containers, c => Assert.Equal([c.To!], World.RunningOn(c.Name)));
        Assert.Equal(3, World.Moves.Count);
    }

    [Fact]
    public async Task Uncordoned_the_host_keeps_what_has_not_moved_yet()
    {
        foreach (string name in (string[])["c0", "c1"])
            await _cluster.RunAsync(name, A);
        var held = new Held(World);
        await Drain.StartAsync(new DrainOptions { Parallel = 1 }, default);
        await held.UntilAsync("c0");
        Assert.True(await Cluster.UncordonAsync(A, default));
        held.Release();
        DrainReport report = await EndAsync();
        Assert.Equal([DrainStep.Moved, DrainStep.Stays], report.Containers.Select(c => c.Step));
        Assert.Equal([A], World.RunningOn("c1"));
    }

    [Fact]
    public async Task Orders_that_make_no_sense_are_refused_before_anything_begins()
    {
        async Task<ContainerErrorCode> Code(string host, DrainOptions options) =>
            (await Assert.ThrowsAsync<ContainerException>(() => _cluster.Client.GetGrain<IDrainGrain>(host).StartAsync(options, default))).Code;
        Assert.Equal(ContainerErrorCode.HostNotFound, await Code("host-x", new DrainOptions()));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(A, new DrainOptions { Parallel = 0 }));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(A, new DrainOptions { Parallel = 17 }));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(A, new DrainOptions { Deadline = TimeSpan.Zero }));
        Assert.Equal(DrainState.None, (await Drain.GetAsync(default)).State);
        Assert.Equal(DrainState.None, (await Drain.CancelAsync(default)).State);
        Assert.DoesNotContain(await Cluster.GetHostsAsync(default), h => h.Cordoned);
    }

    [Fact]
    public async Task The_grain_that_empties_a_host_lives_on_another()
    {
        foreach (string host in _cluster.Hosts)
        {
            IDrainGrain drain = _cluster.Client.GetGrain<IDrainGrain>(host);
            await drain.GetAsync(default);
            var management = _cluster.Client.GetGrain<Orleans.Runtime.IManagementGrain>(0);
            Assert.NotEqual(_cluster.SiloOf(host), await management.GetActivationAddress(drain));
        }
    }

    private static DrainedContainer Of(DrainReport report, string name) => report.Containers.Single(c => c.Name == name);

    private async Task<DrainReport> EmptyAsync(DrainOptions? options = null)
    {
        await Drain.StartAsync(options ?? new DrainOptions(), default);
        return await EndAsync();
    }

    private Task<DrainReport> EndAsync() => Wait.ForAsync(async () => await Drain.GetAsync(default) is { State: not DrainState.Draining } report ? report : null);

    /// <summary>Moves stop in their rounds until they are released.</summary>
    private sealed class Held
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ConcurrentDictionary<string, bool> _reached = new();

        public Held(FakeWorld world, Func<MoveOrder, bool>? which = null) => world.OnPrepare = async (order, cancellationToken) =>
        {
            _reached[order.Name] = true;
            if (which is null || which(order))
                await _released.Task.WaitAsync(cancellationToken);
        };

        public Task UntilAsync(string name) => Wait.UntilAsync(() => Task.FromResult(_reached.ContainsKey(name)));

        public void Release() => _released.TrySetResult();
    }
}
