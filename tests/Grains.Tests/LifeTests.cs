namespace ContainerGrains.Grains.Tests;

/// <summary>A container's life apart from moves: names, starts, ends, files.</summary>
public sealed class LifeTests : IAsyncLifetime
{
    private static readonly ContainerSpec Sleep = new() { Args = ["sleep", "1000"] };

    private GrainCluster _cluster = null!;
    private FakeWorld World => _cluster.World;
    private string A => _cluster.Hosts[0];
    private string B => _cluster.Hosts[1];

    public async ValueTask InitializeAsync() => _cluster = await GrainCluster.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Assert.Empty(World.Violations);
    }

    [Fact]
    public async Task A_taken_name_tells_who_has_it_and_is_free_after_removal()
    {
        IContainerGrain web = await _cluster.RunAsync("web", A);
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => web.CreateAsync(Sleep, default));
        Assert.Equal(ContainerErrorCode.NameTaken, e.Code);
        Assert.Contains(A, e.Message);
        Assert.Equal(ContainerErrorCode.WrongPhase, (await Assert.ThrowsAsync<ContainerException>(() => web.DeleteAsync(false, default))).Code);
        await web.DeleteAsync(true, default);
        Assert.Equal(0, World.CopiesOf("web"));
        Assert.Equal(ContainerErrorCode.NotFound, (await Assert.ThrowsAsync<ContainerException>(() => web.GetStatusAsync(default))).Code);
        await _cluster.RunAsync("web", B);
    }

    [Fact]
    public async Task Of_many_creates_of_one_name_one_succeeds()
    {
        int created = 0;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            try
            {
                await _cluster.Container("one").CreateAsync(Sleep, default);
                Interlocked.Increment(ref created);
            }
            catch (ContainerException e) when (e.Code == ContainerErrorCode.NameTaken)
            {
                // As it should be for all but one.
            }
        }));
        Assert.Equal(1, created);
    }

    [Fact]
    public async Task Names_and_addresses_are_unique_and_survive_the_grain()
    {
        ContainerStatus[] all = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => _cluster.Container($"c{i}").CreateAsync(Sleep, default)));
        Assert.Equal(20, all.Select(c => c.Address).Distinct().Count());
        IClusterGrain cluster = _cluster.Client.GetGrain<IClusterGrain>(0);
        await _cluster.Inner.DeactivateAsync(cluster);
        Assert.Equal(20, (await cluster.GetContainersAsync(default)).Count);
        Assert.DoesNotContain((await _cluster.Container("late").CreateAsync(Sleep, default)).Address, all.Select(c => c.Address));
    }

    [Theory]
    [InlineData("Web")]
    [InlineData("-web")]
    [InlineData("web.1")]
    public async Task A_name_that_is_no_dns_label_is_refused(string name) =>
        Assert.Equal(ContainerErrorCode.InvalidName, (await Assert.ThrowsAsync<ContainerException>(() => _cluster.Container(name).CreateAsync(Sleep, default))).Code);

    [Fact]
    public async Task Unusable_specs_and_unknown_hosts_are_refused_and_leave_the_name_free()
    {
        async Task<ContainerErrorCode> Code(ContainerSpec spec) =>
            (await Assert.ThrowsAsync<ContainerException>(() => _cluster.Container("bad").CreateAsync(spec, default))).Code;
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(new ContainerSpec { Args = [] }));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(Sleep with { Rootfs = "relative" }));
        Assert.Equal(ContainerErrorCode.InvalidSpec, await Code(Sleep with { Env = ["NOVALUE"] }));
        Assert.Equal(ContainerErrorCode.HostNotFound, await Code(Sleep with { Host = "host-x" }));
        Assert.Equal(ContainerErrorCode.NoCapacity, await Code(Sleep with { Limits = new ResourceLimits { MemoryBytes = 1L << 50 } }));
        await _cluster.RunAsync("bad", A);
    }

    [Fact]
    public async Task A_program_that_is_missing_leaves_the_container_created()
    {
        IContainerGrain web = _cluster.Container("nope");
        await web.CreateAsync(new ContainerSpec { Args = ["missing"], Host = B }, default);
        Assert.Equal(ContainerErrorCode.ProgramNotFound, (await Assert.ThrowsAsync<ContainerException>(() => web.StartAsync(default))).Code);
        Assert.Equal(ContainerPhase.Created, (await web.GetStatusAsync(default)).Phase);
    }

    [Fact]
    public async Task A_program_that_ends_at_once_is_exited_and_can_be_started_again()
    {
        IContainerGrain job = await _cluster.RunAsync("job", B, new ContainerSpec { Args = ["true"] });
        await Wait.UntilAsync(async () => (await job.GetStatusAsync(default)).Phase == ContainerPhase.Exited);
        Assert.Equal(0, (await job.WaitAsync(TimeSpan.FromMinutes(1), default))!.Code);
        ContainerStatus again = await job.StartAsync(default);
        Assert.Equal(2, again.Generation);
    }

    [Fact]
    public async Task A_container_that_removes_itself_is_not_listed_any_more_and_its_name_is_free()
    {
        IContainerGrain once = await _cluster.RunAsync("once", A, Sleep with { RemoveOnExit = true });
        Task<ExitStatus?> wait = once.WaitAsync(TimeSpan.FromMinutes(1), default);
        World.Exit("once", new ExitStatus(3, 0));
        Assert.Equal(3, (await wait)!.Code);
        await Wait.UntilAsync(async () => (await _cluster.Client.GetGrain<IClusterGrain>(0).GetContainersAsync(default)).Count == 0);
        await _cluster.RunAsync("once", B, Sleep);
    }

    [Fact]
    public async Task A_stop_is_recorded_and_a_second_one_gives_the_same_answer()
    {
        IContainerGrain web = await _cluster.RunAsync("stopped", A);
        ExitStatus exit = await web.StopAsync(TimeSpan.FromSeconds(1), default);
        Assert.Equal(exit, await web.StopAsync(TimeSpan.FromSeconds(1), default));
        Assert.Equal(ContainerPhase.Exited, (await web.GetStatusAsync(default)).Phase);
        Assert.Equal(ContainerErrorCode.WrongPhase, (await Assert.ThrowsAsync<ContainerException>(() => web.KillAsync(1, 1, default))).Code);
    }

    [Fact]
    public async Task A_suspended_container_goes_on_on_another_host()
    {
        IContainerGrain web = await _cluster.RunAsync("stick", A);
        await web.KillAsync(1, 1, default);
        CheckpointReport image = await web.SuspendAsync(null, default);
        Assert.Equal(0, World.CopiesOf("stick"));
        Assert.Equal(ContainerPhase.Suspended, (await web.GetStatusAsync(default)).Phase);
        ContainerStatus status = await web.RestoreAsync(image.Path, B, default);
        Assert.Equal((B, 2L), (status.Host, status.Generation));
        await web.KillAsync(1, 1, default);
        Assert.Equal(2, World.CounterOf("stick"));
        Assert.Equal([B], World.RunningOn("stick"));
    }

    [Fact]
    public async Task An_image_from_elsewhere_claims_its_name()
    {
        World.Images["/stick/image"] = 41;
        IContainerGrain web = _cluster.Container("carried");
        await web.ResumeAsync(Sleep, "/stick/image", B, default);
        await web.KillAsync(1, 1, default);
        Assert.Equal(42, World.CounterOf("carried"));
        Assert.Equal(ContainerErrorCode.WrongPhase, (await Assert.ThrowsAsync<ContainerException>(() => web.ResumeAsync(Sleep, "/stick/image", B, default))).Code);
    }

    [Fact]
    public async Task Pids_are_translated_between_container_and_host()
    {
        IContainerGrain web = await _cluster.RunAsync("pids", A);
        Assert.Equal(4712, await web.TranslatePidAsync(2, "", "host", default));
        Assert.Equal(1, await web.TranslatePidAsync(4711, "host", "", default));
        Assert.Equal(ContainerErrorCode.NoSuchProcess, (await Assert.ThrowsAsync<ContainerException>(() => web.TranslatePidAsync(99, "", "host", default))).Code);
    }

    [Fact]
    public async Task Hosts_are_listed_by_name_and_an_unknown_one_is_said()
    {
        IReadOnlyList<HostInfo> hosts = await _cluster.Client.GetGrain<IClusterGrain>(0).GetHostsAsync(default);
        Assert.Equal(_cluster.Hosts.Order(), hosts.Select(h => h.Name));
        Assert.All(hosts, h => Assert.Equal("Active", h.State));
        Assert.Equal(ContainerErrorCode.HostNotFound,
            (await Assert.ThrowsAsync<ContainerException>(() => _cluster.Client.GetGrain<IHostGrain>("host-x").GetInfoAsync(default))).Code);
    }
}
