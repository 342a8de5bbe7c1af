using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace ContainerGrains.Grains.Tests;

/// <summary>The move: whatever fails and wherever, there is one running copy, and the record names its host.</summary>
public sealed class MoveTests : IAsyncLifetime
{
    private GrainCluster _cluster = null!;
    private FakeWorld World => _cluster.World;
    private string A => _cluster.Hosts[0];
    private string B => _cluster.Hosts[1];
    private string C => _cluster.Hosts[2];

    public async ValueTask InitializeAsync() => _cluster = await GrainCluster.StartAsync();
    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Assert.Empty(World.Violations);
    }

    [Fact]
    public async Task Ten_moves_in_a_row_keep_one_running_copy_and_raise_the_generation_by_one_each()
    {
        IContainerGrain web = await _cluster.RunAsync("web", A);
        string[] route = [B, C, A, B, C, A, B, C, A, B];
        for (int i = 0; i < route.Length; i++)
        {
            await web.KillAsync(1, 1, default);
            MigrationReport report = await web.MoveAsync(route[i]);
            Assert.Null(report.Error);
            ContainerStatus status = await web.GetStatusAsync(default);
            Assert.Equal((route[i], 2L + i, ContainerPhase.Running), (status.Host!, status.Generation, status.Phase));
            Assert.Equal([route[i]], World.RunningOn("web"));
            Assert.Equal(1, World.CopiesOf("web"));
        }
        Assert.Equal(10, World.CounterOf("web"));
    }

    [Fact]
    public async Task Options_out_of_range_are_said_before_anything_begins()
    {
        IContainerGrain web = await _cluster.RunAsync("web", A);
        async Task<ContainerErrorCode> Code(MigrateOptions options) =>
            (await Assert.ThrowsAsync<ContainerException>(() => web.MigrateAsync(B, options, default))).Code;
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(new MigrateOptions { FreezeBudget = TimeSpan.Zero }));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(new MigrateOptions { FreezeBudget = TimeSpan.FromMinutes(2) }));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(new MigrateOptions { MaxRounds = 0 }));
        Assert.Equal(ContainerPhase.Running, (await web.GetStatusAsync(default)).Phase);
    }

    [Fact]
    public async Task A_move_from_a_host_that_the_container_has_left_is_none()
    {
        IContainerGrain web = await _cluster.RunAsync("gone", A);
        Assert.Null((await web.MoveAsync(B)).Error);
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => web.MigrateAsync(C, new MigrateOptions { From = A }, default));
        Assert.Equal(ContainerErrorCode.WrongPhase, e.Code);
        await AssertAtHome(web, B, generation: 2);
        Assert.Null((await web.ReportAsync(await web.MigrateAsync(C, new MigrateOptions { From = B }, default))).Error);
    }

    [Fact]
    public async Task Ten_thousand_calls_across_ten_moves_none_fails_none_is_lost()
    {
        IContainerGrain web = await _cluster.RunAsync("hammered", A);
        const int Calls = 10_000, Callers = 20;
        int left = Calls;
        var failures = new ConcurrentQueue<Exception>();
        async Task CallAsync()
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                try
                {
                    await web.KillAsync(1, 1, default);
                }
                catch (Exception e)
                {
                    failures.Enqueue(e);
                }
            }
        }
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(_ => Task.Run(CallAsync))];
        string[] route = [B, C, A, B, C, A, B, C, A, B];
        for (int i = 0; i < route.Length; i++)
        {
            // Spread over the calls, so that every move happens under fire.
            int mark = Calls - (i + 1) * Calls / (route.Length + 1);
            await Wait.UntilAsync(() => Task.FromResult(Volatile.Read(ref left) <= mark));
            Assert.Null((await web.MoveAsync(route[i])).Error);
        }
        await Task.WhenAll(callers);
        Assert.Empty(failures);
        Assert.Equal(Calls, World.CounterOf("hammered"));
    }

    [Fact]
    public async Task A_refused_offer_leaves_the_container_running_and_the_next_move_succeeds()
    {
        IContainerGrain web = await _cluster.RunAsync("refused", A);
        World.OnPrepare = (_, _) => throw new ContainerException(ContainerErrorCode.OfferRefused, "no room");
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => web.MoveAsync(B));
        Assert.Equal(ContainerErrorCode.OfferRefused, e.Code);
        await AssertAtHome(web, A, generation: 1);
        World.OnPrepare = null;
        Assert.Null((await web.MoveAsync(B)).Error);
    }

    [Fact]
    public async Task A_failed_cut_over_is_reported_and_the_container_thaws_where_it_was()
    {
        IContainerGrain web = await _cluster.RunAsync("cut", A);
        World.OnCutOver = _ => throw new ContainerException(ContainerErrorCode.HostUnreachable, "the link was cut");
        MigrationReport report = await web.MoveAsync(B);
        Assert.Equal(ContainerErrorCode.HostUnreachable, report.ErrorCode);
        Assert.Contains("the link was cut", report.Error);
        await AssertAtHome(web, A, generation: 2);
        World.OnCutOver = null;
        Assert.Null((await web.MoveAsync(B)).Error);
        await AssertAtHome(web, B, generation: 3);
    }

    [Fact]
    public async Task When_the_source_took_the_container_back_the_late_commit_loses()
    {
        IContainerGrain web = await _cluster.RunAsync("raced", A);
        World.BeforeWrite = async (name, record) =>
        {
            if (record.Home != B || record.Move is not null)
                return;
            // In the last moment before the target's write the source decides for itself, as after a cut link.
            World.BeforeWrite = null;
            await World.Hosts[A].AbandonMoveAsync(World.Moves.Keys.Single(), "the target is silent", default);
        };
        MigrationReport report = await web.MoveAsync(B);
        Assert.Equal("the target is silent", report.Error);
        await AssertAtHome(web, A, generation: 2);
    }

    [Fact]
    public async Task A_commit_whose_answer_was_lost_is_still_a_commit()
    {
        IContainerGrain web = await _cluster.RunAsync("answer", A);
        World.AfterWrite = (_, record) =>
        {
            if (record.Home != B)
                return Task.CompletedTask;
            World.AfterWrite = null;
            throw new IOException("the store's answer was lost");
        };
        Assert.Null((await web.MoveAsync(B)).Error);
        await AssertAtHome(web, B, generation: 2);
    }

    [Fact]
    public async Task A_commit_that_the_store_refused_gives_the_container_back()
    {
        IContainerGrain web = await _cluster.RunAsync("refusal", A);
        World.BeforeWrite = (_, record) =>
        {
            if (record.Home != B)
                return Task.CompletedTask;
            World.BeforeWrite = null;
            throw new IOException("disk full");
        };
        MigrationReport report = await web.MoveAsync(B);
        Assert.NotNull(report.Error);
        await AssertAtHome(web, A, generation: 2);
    }

    [Fact]
    public async Task After_the_commit_there_is_no_way_back_even_if_the_thaw_complains()
    {
        IContainerGrain web = await _cluster.RunAsync("thaw", A);
        World.OnCommit = _ => throw new ContainerException(ContainerErrorCode.Internal, "slow thaw");
        MigrationReport report = await web.MoveAsync(B);
        Assert.Contains("slow thaw", report.Error);
        await AssertAtHome(web, B, generation: 2);
    }

    [Fact]
    public async Task Calls_are_served_while_the_pre_copy_runs_and_a_second_migrate_is_told_so()
    {
        IContainerGrain web = await _cluster.RunAsync("busy", A);
        var entered = new TaskCompletionSource();
        var leave = new TaskCompletionSource();
        World.OnPrepare = (_, _) => { entered.SetResult(); return leave.Task; };
        Task<MigrationReport> move = web.MoveAsync(B);
        await entered.Task;

        ContainerStatus status = await web.GetStatusAsync(default);
        Assert.Equal((ContainerPhase.Moving, A), (status.Phase, status.Host));
        await web.ExecAsync(new ExecRequest { Args = ["true"] }, default);
        await web.KillAsync(1, 1, default);
        ContainerException second = await Assert.ThrowsAsync<ContainerException>(() => web.MigrateAsync(C, new MigrateOptions(), default));
        Assert.Equal(ContainerErrorCode.AlreadyMoving, second.Code);

        leave.SetResult();
        Assert.Null((await move).Error);
        await AssertAtHome(web, B, generation: 2);
    }

    [Fact]
    public async Task A_move_is_cancelled_before_its_commit_by_its_id()
    {
        IContainerGrain web = await _cluster.RunAsync("cancelled", A);
        var entered = new TaskCompletionSource<string>();
        World.OnPrepare = (order, token) => { entered.SetResult(order.MigrationId); return Task.Delay(Timeout.Infinite, token); };
        Task<MigrationReport> move = web.MoveAsync(B);
        string id = await entered.Task;
        Assert.False(await web.CancelMigrationAsync("another", default));
        Assert.True(await web.CancelMigrationAsync(id, default));
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => move);
        Assert.Equal(ContainerErrorCode.Cancelled, e.Code);
        await AssertAtHome(web, A, generation: 1);
        Assert.Equal(ContainerErrorCode.Cancelled, (await web.GetMigrationAsync(id, default))!.ErrorCode);
    }

    [Fact]
    public async Task A_move_is_cancelled_by_its_callers_token()
    {
        IContainerGrain web = await _cluster.RunAsync("ctrl-c", A);
        using var cancel = new CancellationTokenSource();
        World.OnPrepare = (_, token) => { cancel.Cancel(); return Task.Delay(Timeout.Infinite, token); };
        await Assert.ThrowsAnyAsync<Exception>(() => web.MigrateAsync(B, new MigrateOptions(), cancel.Token));
        await Wait.UntilAsync(async () => (await web.GetStatusAsync(default)).Phase == ContainerPhase.Running);
        await AssertAtHome(web, A, generation: 1);
    }

    [Fact]
    public async Task Long_polls_do_not_hold_up_a_move()
    {
        IContainerGrain web = await _cluster.RunAsync("polled", A);
        Task<ExitStatus?> wait = web.WaitAsync(TimeSpan.FromSeconds(20), default);
        Task<LogChunk> logs = web.ReadLogsAsync(LogCursor.Start, 1000, TimeSpan.FromSeconds(20), default);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Null((await web.MoveAsync(B)).Error);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"the move took {clock.Elapsed}");
        Assert.Null(await wait);
        Assert.False((await logs).Ended);
    }

    [Fact]
    public async Task A_container_that_ends_during_the_pre_copy_is_exited_and_the_move_fails()
    {
        IContainerGrain web = await _cluster.RunAsync("ended", A);
        World.OnPrepare = (_, token) => { World.Exit("ended", new ExitStatus(3, 0)); return Task.Delay(Timeout.Infinite, token); };
        await Assert.ThrowsAsync<ContainerException>(() => web.MoveAsync(B));
        ContainerStatus status = await web.GetStatusAsync(default);
        Assert.Equal((ContainerPhase.Exited, 3), (status.Phase, status.Exit!.Code));
    }

    [Fact]
    public async Task An_obstacle_refuses_the_move_by_name_and_a_dry_run_lists_it()
    {
        IContainerGrain db = await _cluster.RunAsync("io-uring-db", A);
        MigrationStarted dry = await db.MigrateAsync(B, new MigrateOptions { DryRun = true }, default);
        Assert.Equal("db", Assert.Single(dry.Report!.Obstacles).Process);
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => db.MoveAsync(B));
        Assert.Equal(ContainerErrorCode.NotCarried, e.Code);
        Assert.Contains("io_uring", e.Message);
        await AssertAtHome(db, A, generation: 1);
    }

    [Fact]
    public async Task A_dry_run_asks_the_target_too()
    {
        IContainerGrain web = await _cluster.RunAsync("considered", A, new ContainerSpec { Args = ["sleep", "1000"], Rootfs = "/only/elsewhere" });
        MigrationStarted dry = await web.MigrateAsync(B, new MigrateOptions { DryRun = true }, default);
        Assert.Equal(new Obstacle(0, "", $"host {B}", "the rootfs is missing there", "copy it"), Assert.Single(dry.Report!.Obstacles));
        await AssertAtHome(web, A, generation: 1);
    }

    [Fact]
    public async Task Unknown_and_own_host_are_refused()
    {
        IContainerGrain web = await _cluster.RunAsync("where", A);
        Assert.Equal(ContainerErrorCode.HostNotFound, (await Assert.ThrowsAsync<ContainerException>(() => web.MoveAsync("host-x"))).Code);
        Assert.Equal(ContainerErrorCode.WrongPhase, (await Assert.ThrowsAsync<ContainerException>(() => web.MoveAsync(A))).Code);
        await AssertAtHome(web, A, generation: 1);
    }

    [Fact]
    public async Task Without_a_target_the_cluster_chooses_the_emptiest_other_host()
    {
        IContainerGrain web = await _cluster.RunAsync("chosen", A);
        await _cluster.RunAsync("ballast", B);
        MigrationStarted move = await web.MigrateAsync(null, new MigrateOptions(), default);
        Assert.Equal(C, move.To);
        Assert.Null((await web.ReportAsync(move)).Error);
    }

    [Fact]
    public async Task An_activation_on_the_wrong_host_goes_home_and_its_calls_reach_the_container()
    {
        IContainerGrain web = await _cluster.RunAsync("lost", A);
        for (int i = 0; i < 5; i++)
        {
            await _cluster.Inner.MigrateAsync(web, _cluster.SiloOf(i % 2 == 0 ? B : C));
            await web.KillAsync(1, 1, default);
        }
        Assert.Equal(5, World.CounterOf("lost"));
        await AssertAtHome(web, A, generation: 1);
    }

    [Fact]
    public async Task An_undecided_move_whose_grain_was_lost_is_settled_at_the_next_call()
    {
        IContainerGrain web = await _cluster.RunAsync("settled", A);
        var intent = new MoveIntent("m1", A, B, 2);
        var store = new RecordStore(_cluster.Inner.GetSiloServiceProvider(_cluster.SiloOf(A)));
        await _cluster.Inner.DeactivateAsync(web);
        StoredRecord read = await store.ReadAsync("settled", default);
        Assert.True(await store.TryWriteAsync("settled", read, read.Record! with { Phase = ContainerPhase.Moving, Move = intent }, default));
        ContainerStatus status = await web.GetStatusAsync(default);
        Assert.Equal((ContainerPhase.Running, A), (status.Phase, status.Host));
        Assert.NotNull((await web.GetMigrationAsync("m1", default))!.Error);
    }

    [Fact]
    public async Task A_dead_home_is_told_and_no_second_copy_is_started()
    {
        IContainerGrain web = await _cluster.RunAsync("orphan", C);
        string c = C;
        await _cluster.Inner.KillSiloAsync(_cluster.Inner.Silos.Single(s => s.Name == c));
        ContainerException e = await Wait.ForAsync(async () =>
        {
            try
            {
                await web.GetStatusAsync(default);
                return null;
            }
            catch (ContainerException unreachable)
            {
                return unreachable;
            }
            catch (Exception transient) when (transient is OrleansException or TimeoutException)
            {
                return null;
            }
        });
        Assert.Equal(ContainerErrorCode.HostUnreachable, e.Code);
        Assert.Equal(ContainerErrorCode.HostUnreachable, (await Assert.ThrowsAsync<ContainerException>(() => web.MigrateAsync(A, new MigrateOptions(), default))).Code);
        Assert.Equal([c], World.RunningOn("orphan"));
        IReadOnlyList<ContainerStatus> all = await _cluster.Client.GetGrain<IClusterGrain>(0).GetContainersAsync(default);
        Assert.Equal(c, Assert.Single(all).Host);
    }

    private async Task AssertAtHome(IContainerGrain container, string host, long generation)
    {
        ContainerStatus status = await container.GetStatusAsync(default);
        Assert.Equal((host, generation, ContainerPhase.Running, (string?)null), (status.Host!, status.Generation, status.Phase, status.MigrationId));
        Assert.Equal([host], World.RunningOn(status.Name));
        Assert.Equal(1, World.CopiesOf(status.Name));
    }
}
