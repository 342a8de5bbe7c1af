using ContainerGrains.Engine;
using ContainerGrains.TestKit;

namespace ContainerGrains.Silo.Tests;

/// <summary>The host's port on the engine, without moves.</summary>
public sealed class ContainerHostTests : IAsyncLifetime
{
    private HostPair _hosts = null!;
    private ContainerHost Host => _hosts.A;

    public ValueTask InitializeAsync()
    {
        _hosts = new HostPair();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _hosts.DisposeAsync();

    [Fact]
    public async Task Starting_twice_with_the_same_generation_is_one_start()
    {
        RunningState first = await Host.StartAsync("web", HostPair.Spec, "", 1, default);
        Assert.Equal(first.StartedAt, (await Host.StartAsync("web", HostPair.Spec, "", 1, default)).StartedAt);
    }

    [Fact]
    public async Task A_lower_generation_is_refused()
    {
        await Host.StartAsync("web", HostPair.Spec, "", 5, default);
        await Host.StopAsync("web", 15, TimeSpan.FromSeconds(5), default);
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => Host.StartAsync("web", HostPair.Spec, "", 4, default));
        Assert.Equal(ContainerErrorCode.StaleGeneration, e.Code);
    }

    [Fact]
    public async Task An_exit_is_told_once_and_remembered_with_the_output()
    {
        var told = new List<(string, ExitStatus)>();
        Host.Exited += (name, exit) => told.Add((name, exit));
        await Host.StartAsync("web", HostPair.Spec, "", 1, default);
        Task<ExitStatus?> wait = Host.WaitAsync("web", TimeSpan.FromMinutes(1), default);
        ((FakeContainer)_hosts.EngineA.Find("web")!).End(new ProcessExit(3, 0));
        Assert.Equal(3, (await wait)!.Code);
        Assert.Equal(("web", new ExitStatus(3, 0)), Assert.Single(told));
        LogChunk log = await Host.ReadLogsAsync("web", LogCursor.Start, 1000, TimeSpan.Zero, default);
        Assert.Equal("hello\n"u8.ToArray(), log.Stdout);
        Assert.True((await Host.ReadLogsAsync("web", log.Next, 1000, TimeSpan.FromMinutes(1), default)).Ended);
        Assert.Equal(3, (await Host.FindAsync("web", default))!.Exit!.Code);
    }

    [Fact]
    public async Task Engine_errors_become_the_clients()
    {
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => Host.StartAsync("web", HostPair.Spec with { Args = ["missing"] }, "", 1, default));
        Assert.Equal(ContainerErrorCode.ProgramNotFound, e.Code);
        Assert.Contains("host-a", e.Message);
        foreach (EngineError error in Enum.GetValues<EngineError>().Where(x => x != EngineError.Internal))
            Assert.NotEqual(ContainerErrorCode.Internal, EngineErrors.CodeOf(error));
    }

    [Fact]
    public void A_bridge_is_looked_for_in_the_network_of_the_silo()
    {
        using var network = new TestNetwork();
        network.Ip("link add cgtest0 type bridge");
        EngineOptions options = new() { HostName = "host-a", StateDirectory = _hosts.EngineA.Options.StateDirectory, Bridge = "cgtest0" };
        Assert.True(network.Run(() => HostChecks.Run(options)).Single(c => c.Name == "bridge").Ok);
        Assert.False(HostChecks.Run(options).Single(c => c.Name == "bridge").Ok);
    }

    [Fact]
    public async Task A_suspended_container_is_restored_from_its_file()
    {
        await Host.StartAsync("web", HostPair.Spec, "", 1, default);
        byte[] memory = ((FakeContainer)_hosts.EngineA.Find("web")!).Memory;
        bool told = false;
        Host.Exited += (_, _) => told = true;
        CheckpointReport report = await Host.CheckpointAsync("web", HostPair.Spec, null, leaveRunning: false, default);
        Assert.False(told);
        Assert.Empty(_hosts.EngineA.Containers);
        RunningState running = await _hosts.B.RestoreAsync("web", HostPair.Spec, "", report.Path, 2, default);
        Assert.Equal([FakeEngine.NotInFull], running.Warnings);
        Assert.Equal(memory, ((FakeContainer)_hosts.EngineB.Find("web")!).Memory);
        Assert.Equal(ContainerErrorCode.BadImage,
            (await Assert.ThrowsAsync<ContainerException>(() => Host.RestoreAsync("other", HostPair.Spec, "", "/no/such/image", 1, default))).Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_checkpoint_that_fails_leaves_no_file_and_the_container(bool leaveRunning)
    {
        await Host.StartAsync("web", HostPair.Spec, "", 1, default);
        string directory = Path.Combine(_hosts.EngineA.Options.StateDirectory, "images");
        ContainerException error = await Assert.ThrowsAsync<ContainerException>(() => Host.CheckpointAsync("web", HostPair.Spec, $"{directory}/web", leaveRunning, new CancellationToken(canceled: true)));
        Assert.Equal(ContainerErrorCode.Cancelled, error.Code);
        Assert.Empty(Directory.GetFileSystemEntries(directory));
        Assert.Single(_hosts.EngineA.Containers);
        Assert.Equal($"{directory}/web", (await Host.CheckpointAsync("web", HostPair.Spec, $"{directory}/web", leaveRunning, default)).Path);
        Assert.Equal([$"{directory}/web"], Directory.GetFileSystemEntries(directory));
    }

    [Fact]
    public void Held_frames_keep_their_bounds()
    {
        byte[][] frames = [[1, 2, 3], [], [4]];
        Assert.Equal(frames, HeldFrames.Unpack(HeldFrames.Pack(frames)));
        Assert.Throws<IOException>(() => HeldFrames.Unpack([9, 0, 0, 0, 1]));
    }
}
