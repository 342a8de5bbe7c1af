namespace ContainerGrains.Grains.Tests;

/// <summary>A cordoned host keeps what it has and takes nothing new.</summary>
public sealed class CordonTests : IAsyncLifetime
{
    private static readonly ContainerSpec Sleep = new() { Args = ["sleep", "1000"] };

    private GrainCluster _cluster = null!;
    private IClusterGrain Cluster => _cluster.Client.GetGrain<IClusterGrain>(0);
    private string A => _cluster.Hosts[0];
    private string B => _cluster.Hosts[1];
    private string C => _cluster.Hosts[2];

    public async ValueTask InitializeAsync() => _cluster = await GrainCluster.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Assert.Empty(_cluster.World.Violations);
    }

    [Fact]
    public async Task It_is_never_chosen_until_it_is_uncordoned()
    {
        // Full, both of them: without the cordon A would be chosen.
        await _cluster.RunAsync("on-b", B);
        await _cluster.RunAsync("on-c", C);
        Assert.Equal(A, await Cluster.ChooseHostAsync(Sleep, null, default));
        await Cluster.CordonAsync(A, default);
        Assert.Equal(B, await Cluster.ChooseHostAsync(Sleep, null, default));
        Assert.Equal(B, await Cluster.ChooseHostAsync(Sleep, C, default));
        await Cluster.CordonAsync(B, default);
        await Cluster.CordonAsync(C, default);
        ContainerException none = await Assert.ThrowsAsync<ContainerException>(() => Cluster.ChooseHostAsync(Sleep, null, default));
        Assert.Equal(ContainerErrorCode.NoCapacity, none.Code);
        Assert.Contains($"{A} (Active, cordoned)", none.Message);
        await Cluster.UncordonAsync(A, default);
        Assert.Equal(A, await Cluster.ChooseHostAsync(Sleep, null, default));
    }

    [Fact]
    public async Task Who_names_it_is_told_so_and_what_to_do()
    {
        IContainerGrain web = await _cluster.RunAsync("web", A);
        await Cluster.CordonAsync(B, default);
        foreach (Func<Task> call in (Func<Task>[])
        [
            () => _cluster.Container("new").CreateAsync(Sleep with { Host = B }, default),
            () => _cluster.Container("new").ResumeAsync(Sleep, "/images/new", B, default),
            () => web.MigrateAsync(B, new MigrateOptions(), default),
            () => web.MigrateAsync(B, new MigrateOptions { DryRun = true }, default),
        ])
        {
            ContainerException refused = await Assert.ThrowsAsync<ContainerException>(call);
            Assert.Equal(ContainerErrorCode.HostCordoned, refused.Code);
            Assert.Contains(B, refused.Message);
            Assert.Contains($"cg uncordon {B}", refused.Message);
        }
        // Nothing of the name is left behind.
        await _cluster.RunAsync("new", C);
        ContainerStatus status = await web.GetStatusAsync(default);
        Assert.Equal((A, ContainerPhase.Running), (status.Host, status.Phase));
    }

    [Fact]
    public async Task What_lives_there_runs_on_and_may_be_started_and_restored_there_and_nowhere_else_comes_to_it()
    {
        IContainerGrain web = await _cluster.RunAsync("web", A);
        IContainerGrain other = await _cluster.RunAsync("other", B);
        await Cluster.CordonAsync(A, default);
        await web.KillAsync(1, 1, default);
        await web.StopAsync(TimeSpan.Zero, default);
        Assert.Equal(ContainerPhase.Running, (await web.StartAsync(default)).Phase);
        await web.SuspendAsync(null, default);
        Assert.Equal(A, (await web.RestoreAsync(null, null, default)).Host);
        await other.SuspendAsync(null, default);
        Assert.Equal(ContainerErrorCode.HostCordoned, (await Assert.ThrowsAsync<ContainerException>(() => other.RestoreAsync(null, A, default))).Code);
        Assert.Equal(B, (await other.RestoreAsync(null, null, default)).Host);
        Assert.Null((await web.MoveAsync(C)).Error);
    }

    [Fact]
    public async Task A_host_that_was_chosen_before_the_cordon_is_refused_at_the_claim()
    {
        string chosen = await Cluster.ChooseHostAsync(Sleep, null, default);
        await Cluster.CordonAsync(chosen, default);
        Assert.Equal(ContainerErrorCode.HostCordoned, (await Assert.ThrowsAsync<ContainerException>(() => Cluster.ClaimAsync("late", chosen, default))).Code);
        await Cluster.ClaimAsync("late", C == chosen ? B : C, default);
    }

    [Fact]
    public async Task It_is_told_in_the_list_kept_in_the_store_and_said_twice_without_harm()
    {
        Assert.True(await Cluster.CordonAsync(B, default));
        Assert.False(await Cluster.CordonAsync(B, default));
        await _cluster.Inner.DeactivateAsync(Cluster);
        Assert.Equal([B], (await Cluster.GetHostsAsync(default)).Where(h => h.Cordoned).Select(h => h.Name));
        Assert.True(await Cluster.UncordonAsync(B, default));
        Assert.False(await Cluster.UncordonAsync(B, default));
        Assert.DoesNotContain(await Cluster.GetHostsAsync(default), h => h.Cordoned);
        Assert.Equal(ContainerErrorCode.HostNotFound, (await Assert.ThrowsAsync<ContainerException>(() => Cluster.CordonAsync("host-x", default))).Code);
    }
}
