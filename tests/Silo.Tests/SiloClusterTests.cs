using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ContainerGrains.Client;
using ContainerGrains.Engine;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using TcpListener = System.Net.Sockets.TcpListener;

namespace ContainerGrains.Silo.Tests;

/// <summary>The whole silo and the client library, over each store.</summary>
public sealed class SiloClusterTests
{
    [Fact]
    public async Task A_service_runs_moves_and_reads_a_container_on_SQLite()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        await LiveAsync(cluster);
    }

    [Fact]
    public async Task A_service_runs_moves_and_reads_a_container_on_Redis()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/redis-server"), "redis-server is not installed (apt-get install redis-server)");
        using Redis redis = await Redis.StartAsync();
        await using SiloCluster cluster = await SiloCluster.StartAsync(new() { ["Cluster:Store"] = "Redis", ["Cluster:ConnectionString"] = redis.Address });
        await LiveAsync(cluster);
    }

    [Fact]
    public async Task A_service_runs_moves_and_reads_a_container_on_PostgreSQL()
    {
        string? connection = Environment.GetEnvironmentVariable("CG_TEST_POSTGRES");
        Assert.SkipUnless(connection is not null, "CG_TEST_POSTGRES does not name a PostgreSQL database (Host=…;Username=…;Database=…)");
        string id = Guid.NewGuid().ToString("N");
        await using SiloCluster cluster = await SiloCluster.StartAsync(new()
        {
            ["Cluster:Store"] = "Postgres", ["Cluster:ConnectionString"] = connection, ["Cluster:ClusterId"] = id, ["Cluster:ServiceId"] = id,
        });
        await LiveAsync(cluster);
    }

    [Theory]
    [InlineData("host-a")]
    [InlineData("host-b")]
    [InlineData("host-c")]
    public async Task What_an_engine_says_reaches_the_caller_whichever_silo_is_between(string host)
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        ContainerException e = await Assert.ThrowsAsync<ContainerException>(() => cluster.Cluster.RunAsync("web", HostPair.Spec with { Args = ["missing"], Host = host }));
        Assert.Equal(ContainerErrorCode.ProgramNotFound, e.Code);
        Assert.Contains(host, e.Message);
        Assert.Empty(await cluster.Cluster.GetContainersAsync());

        ContainerHandle web = await cluster.Cluster.RunAsync("web", HostPair.Spec with { Host = host });
        Assert.Equal(ContainerErrorCode.ProgramNotFound, (await Assert.ThrowsAsync<ContainerException>(() => web.ExecAsync(["missing"]))).Code);
    }

    [Fact]
    public async Task Of_an_error_the_code_and_the_sentence_cross_and_a_stores_error_crosses_too()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        // A client knows nothing of the engine's types: a cause that crossed could not be read there.
        Exception error = new ContainerException(ContainerErrorCode.DiskFull, "What, where, and what to do.", new EngineException(EngineError.DiskFull, "stage", "reason"));
        foreach (IServiceProvider services in cluster.Services)
        {
            Serializer serializer = services.GetRequiredService<Serializer>();
            var crossed = Assert.IsType<ContainerException>(serializer.Deserialize<Exception>(serializer.SerializeToArray(error)));
            Assert.Equal((ContainerErrorCode.DiskFull, "What, where, and what to do."), (crossed.Code, crossed.Message));
            Assert.Null(crossed.InnerException);
        }
        Serializer silo = cluster.Services[0].GetRequiredService<Serializer>();
        var driver = new Npgsql.NpgsqlException("the database is gone");
        Assert.Equal(driver.Message, Assert.IsType<Npgsql.NpgsqlException>(silo.Deserialize<Exception>(silo.SerializeToArray<Exception>(driver))).Message);
    }

    [Fact]
    public async Task A_move_is_one_trace_across_both_hosts()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        ContainerHandle web = await cluster.Cluster.RunAsync("traced", HostPair.Spec with { Host = "host-a" });
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "ContainerGrains" || source.Name.StartsWith("Microsoft.Orleans", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        MigrationReport report = await web.MigrateAsync("host-b");

        string[] expected = ["arrive", "commit", "dump", "freeze", "hand-over", "migrate", "offer", "restore", "round", "send", "thaw"];
        // Other tests move other containers at the same time.
        await Until.TrueAsync(() => !expected.Except(spans.Where(s => s.TraceId.ToString() == report.TraceId).Select(s => s.OperationName)).Any(), "all spans of the move's trace have ended");
        // Each round says what it was and what followed from it.
        Activity[] rounds = [.. spans.Where(s => s.OperationName == "round" && s.GetTagItem("container.name") is "traced").OrderBy(s => (int)s.GetTagItem("container.move.round")!)];
        Assert.Equal("another", rounds[0].GetTagItem("container.move.decision"));
        Assert.Equal("freeze", rounds[^1].GetTagItem("container.move.decision"));
        Assert.Null(rounds[0].GetTagItem("container.move.predicted_freeze_ms"));
        Assert.All(rounds[1..], r => Assert.True(r.GetTagItem("container.move.predicted_freeze_ms") is > 0.0));
        Assert.All(rounds, r => Assert.True(r.GetTagItem("container.move.bytes") is > 0L && r.GetTagItem("container.move.ms") is > 0.0));
        Assert.All(spans.Where(s => s.GetTagItem("container.name") is "traced"), s => Assert.Equal(report.TraceId, s.TraceId.ToString()));
    }

    private static async Task LiveAsync(SiloCluster cluster)
    {
        ContainerHandle web = await cluster.Cluster.RunAsync("web", HostPair.Spec with { Host = "host-a" });
        string[] route = ["host-b", "host-c", "host-a", "host-b"];
        foreach (string host in route)
        {
            MigrationReport report = await web.MigrateAsync(host);
            Assert.Equal(host, report.To);
            Assert.Equal([host], cluster.World.RunningOn("web"));
        }
        ContainerStatus status = await web.GetStatusAsync();
        Assert.Equal(("host-b", 5L, ContainerPhase.Running, 4711), (status.Host, status.Generation, status.Phase, status.InitPid));
        Assert.Equal(status.Host, Assert.Single(await cluster.Cluster.GetContainersAsync()).Host);
        Assert.Equal(["host-a", "host-b", "host-c"], (await cluster.Cluster.GetHostsAsync()).Select(h => h.Name));
        ContainerException taken = await Assert.ThrowsAsync<ContainerException>(() => web.CreateAsync(HostPair.Spec));
        Assert.Equal(ContainerErrorCode.NameTaken, taken.Code);
        Assert.Contains("host-b", taken.Message);
        // The engine's error, which a client has never heard of, is inside.
        ContainerException missing = await Assert.ThrowsAsync<ContainerException>(() => web.ExecAsync(["missing"]));
        Assert.Equal(ContainerErrorCode.ProgramNotFound, missing.Code);

        Task<ExitStatus> wait = web.WaitAsync();
        Assert.Equal(15, (await web.StopAsync(TimeSpan.FromSeconds(5))).Signal);
        Assert.Equal(15, (await wait).Signal);
        await web.DeleteAsync();
        Assert.Empty(await cluster.Cluster.GetContainersAsync());
        Assert.Equal(ContainerErrorCode.NotFound, (await Assert.ThrowsAsync<ContainerException>(() => web.GetStatusAsync())).Code);
        Assert.Empty(cluster.World.Violations);
    }

    private sealed class Redis : IDisposable
    {
        private readonly Process _process;

        private Redis(int port)
        {
            Address = $"127.0.0.1:{port}";
            _process = Process.Start(new ProcessStartInfo("/usr/bin/redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", ""]) { RedirectStandardOutput = true })!;
            _process.OutputDataReceived += (_, _) => { };
            _process.BeginOutputReadLine();
        }

        public string Address { get; }

        public static async Task<Redis> StartAsync()
        {
            int port;
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                port = ((IPEndPoint)probe.LocalEndpoint).Port;
            }
            var redis = new Redis(port);
            await Until.TrueAsync(async () =>
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await socket.ConnectAsync(IPAddress.Loopback, port);
                    return true;
                }
                catch (SocketException)
                {
                    return false;
                }
            }, "redis-server listens");
            return redis;
        }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
