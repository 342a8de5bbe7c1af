using ContainerGrains.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ContainerGrains.Silo.Tests;

/// <summary>The client library as a service uses it: one line registers it, calls wait for moves, tokens end them.</summary>
public sealed class ClientTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void One_line_registers_it_with_either_kind_of_host()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.AddContainerGrains(o => o.Path = "/nowhere/cluster.db");
        using IHost application = builder.Build();
        using IHost generic = new HostBuilder().AddContainerGrains(o => o.Path = "/nowhere/cluster.db").Build();
        foreach (IHost host in (IHost[])[application, generic])
        {
            ContainerCluster cluster = host.Services.GetRequiredService<ContainerCluster>();
            Assert.Same(cluster, host.Services.GetRequiredService<ContainerCluster>());
            Assert.Equal(ContainerErrorCode.InvalidName, Assert.Throws<ContainerException>(() => cluster.Container("Not_a_name")).Code);
        }
    }

    [Fact]
    public async Task Calls_outlast_a_freeze_that_is_longer_than_the_limit_of_quick_calls()
    {
        TimeSpan limit = TimeSpan.FromMilliseconds(500);
        await using SiloCluster cluster = await SiloCluster.StartAsync(responseTimeout: limit);
        ContainerHandle web = await cluster.Cluster.RunAsync("web", HostPair.Spec with { Host = "host-a" });
        using var frozen = new ManualResetEventSlim();
        using var thaw = new ManualResetEventSlim();
        cluster.Engines["host-a"].BeforeCutOver = () =>
        {
            frozen.Set();
            Assert.True(thaw.Wait(Patience));
        };
        Task<MigrationReport> move = web.MigrateAsync("host-b");
        await Until.TrueAsync(() => frozen.IsSet, "the container is frozen");

        Task<ContainerStatus> status = web.GetStatusAsync();
        Task<IReadOnlyList<ProcessInfo>> processes = web.GetProcessesAsync();
        Task signal = web.SignalAsync(1);
        Task<ExecResult> exec = web.ExecAsync(["missing"]);
        Task create = web.CreateAsync(HostPair.Spec);
        Task[] calls = [status, processes, signal, exec, create];
        // The point is time that passes: several times the limit.
        Assert.NotSame(move, await Task.WhenAny([move, .. calls, Task.Delay(4 * limit)]));
        Assert.DoesNotContain(calls, c => c.IsCompleted);
        thaw.Set();

        Assert.Equal("host-b", (await move).To);
        Assert.Equal("host-b", (await status).Host);
        Assert.Single(await processes);
        await signal;
        // They have arrived, and only once: a time-out would be another error.
        Assert.Equal(ContainerErrorCode.ProgramNotFound, (await Assert.ThrowsAsync<ContainerException>(() => exec)).Code);
        Assert.Equal(ContainerErrorCode.NameTaken, (await Assert.ThrowsAsync<ContainerException>(() => create)).Code);
        Assert.Equal(["host-b"], cluster.World.RunningOn("web"));
    }

    [Fact]
    public async Task A_cancelled_move_stops_before_its_commit_and_the_container_runs_on()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        ContainerHandle web = await cluster.Cluster.RunAsync("web", HostPair.Spec with { Host = "host-a" });
        using var cancel = new CancellationTokenSource();
        bool told = false;
        cluster.Engines["host-a"].InRound = round =>
        {
            cancel.Cancel();
            told = round.WaitHandle.WaitOne(Patience);
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => web.MigrateAsync("host-b", cancellationToken: cancel.Token));

        await Until.TrueAsync(async () => (await web.GetStatusAsync()).Phase == ContainerPhase.Running, "the move has been given up");
        Assert.True(told, "the host was never told");
        ContainerStatus status = await web.GetStatusAsync();
        Assert.Equal(("host-a", 1L), (status.Host, status.Generation));
        Assert.Equal(["host-a"], cluster.World.RunningOn("web"));
        cluster.Engines["host-a"].InRound = null;
        Assert.Equal("host-b", (await web.MigrateAsync("host-b")).To);
    }

    [Fact]
    public async Task A_token_ends_waiting_and_streams_and_the_container_runs_on()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        ContainerHandle web = await cluster.Cluster.RunAsync("web", HostPair.Spec);
        using var cancel = new CancellationTokenSource();
        Task wait = web.WaitAsync(cancel.Token);
        var written = new TaskCompletionSource<string>();
        Task logs = Task.Run(async () =>
        {
            await foreach (LogChunk chunk in web.LogsAsync(follow: true, cancellationToken: cancel.Token))
                written.TrySetResult(System.Text.Encoding.UTF8.GetString(chunk.Stdout));
        });
        Assert.Equal("hello\n", await written.Task.WaitAsync(Patience));
        Assert.False(wait.IsCompleted || logs.IsCompleted);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(Patience));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => logs.WaitAsync(Patience));
        Assert.Equal(ContainerPhase.Running, (await web.GetStatusAsync()).Phase);
    }
}
