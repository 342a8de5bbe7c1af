using ContainerGrains.Engine;
using ContainerRecord = ContainerGrains.Grains.ContainerRecord;

namespace ContainerGrains.Silo.Tests;

/// <summary>What a silo does with the containers of the one before it: what their records say, and nothing before they have said it.</summary>
public sealed class FoundContainersTests : IAsyncLifetime
{
    private HostPair _hosts = null!;
    private MoveOrder _order = null!;
    private FakeContainer _container = null!;

    public async ValueTask InitializeAsync()
    {
        _hosts = new HostPair();
        _order = await _hosts.RunningAsync("web");
        _container = (FakeContainer)_hosts.EngineA.Find("web")!;
    }

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(_hosts.World.Violations);
        await _hosts.DisposeAsync();
    }

    [Fact]
    public async Task One_that_stood_still_in_an_undecided_move_goes_on_by_its_own_claim_and_not_before()
    {
        _container.Freeze();
        ContainerHost host = _hosts.AfterA();
        _hosts.Storage.Silent = true;
        Task settled = host.SettleFoundAsync(default);
        Task<RunningState?> find = host.FindAsync("web", default);
        Task abandon = host.AbandonMoveAsync(_order.MigrationId, "the grain came back", default);
        Assert.True(SpinWait.SpinUntil(() => _hosts.Storage.Refused > 1, TimeSpan.FromSeconds(30)), "the store is not asked");
        Assert.False(settled.IsCompleted || find.IsCompleted || abandon.IsCompleted);
        Assert.True(_container.Frozen);

        _hosts.Storage.Silent = false;
        await settled;
        await abandon;
        Assert.Equal(_container.InitPid, (await find)!.InitPid);
        Assert.False(_container.Frozen);
        ContainerRecord record = await _hosts.RecordAsync(_order);
        Assert.Equal(("host-a", 2, ContainerPhase.Running, (MoveIntent?)null), (record.Home, record.Generation, record.Phase, record.Move));
        Assert.Equal(ContainerErrorCode.MoveFailed, record.Reports[0].ErrorCode);
    }

    [Fact]
    public async Task One_whose_move_was_committed_goes_and_nobody_hears_of_an_end()
    {
        _container.Freeze();
        Assert.True(await _hosts.CommitRecordAsync(_order));
        ContainerHost host = _hosts.AfterA();
        bool told = false;
        host.Exited += (_, _) => told = true;
        await host.SettleFoundAsync(default);
        Assert.Null(await host.FindAsync("web", default));
        Assert.Empty(_hosts.EngineA.Containers);
        Assert.False(_container.Resumed || told);
    }

    [Theory]
    [InlineData(ContainerPhase.Running, true)]
    [InlineData(ContainerPhase.Created, true)]
    [InlineData(ContainerPhase.Exited, false)]
    [InlineData(ContainerPhase.Suspended, false)]
    [InlineData(ContainerPhase.None, false)]
    public async Task One_that_ran_runs_on_if_that_is_recorded(ContainerPhase phase, bool runs)
    {
        StoredRecord read = await _hosts.Records.ReadAsync("web", default);
        Assert.True(await _hosts.Records.TryWriteAsync("web", read, read.Record! with { Phase = phase, Move = null }, default));
        ContainerHost host = _hosts.AfterA();
        await host.SettleFoundAsync(default);
        Assert.Equal(runs, _container.Resumed);
        Assert.Equal(runs, !_container.Exited.IsCompleted);
        Assert.Equal(runs, await host.FindAsync("web", default) is { Exit: null });
    }

    [Fact]
    public async Task What_is_recorded_of_a_lower_generation_is_refused_afterwards()
    {
        ContainerHost host = _hosts.AfterA();
        await host.SettleFoundAsync(default);
        await host.StopAsync("web", 15, TimeSpan.FromSeconds(5), default);
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => host.StartAsync("web", HostPair.Spec, "", 0, default));
        Assert.Equal(ContainerErrorCode.StaleGeneration, e.Code);
    }

    [Theory]
    [InlineData(FoundState.Ended, 255, 0)]
    [InlineData(FoundState.Killed, 0, 9)]
    public async Task The_end_of_one_that_is_no_more_is_told(FoundState state, int code, int signal)
    {
        _container.Kill();
        _hosts.EngineA.Found = [new FoundContainer("web", state, null, "so it is")];
        ContainerHost host = _hosts.AfterA();
        var told = new List<(string, ExitStatus)>();
        host.Exited += (name, exit) => told.Add((name, exit));
        await host.SettleFoundAsync(default);
        Assert.Equal(("web", new ExitStatus(code, signal)), Assert.Single(told));
        Assert.Equal(new ExitStatus(code, signal), (await host.FindAsync("web", default))!.Exit);
    }
}
