using System.Net;
using System.Net.Sockets;
using ContainerGrains.Clustering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace ContainerGrains.Silo.Tests;

/// <summary>Two hosts with a wire between them and a real record store, without a cluster: the test plays the grain.</summary>
internal sealed class HostPair : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cg-silo-").FullName;
    private readonly ServiceProvider _services;
    private readonly DataListener _listener;

    public HostPair(TlsOptions? tlsA = null, TlsOptions? tlsB = null)
    {
        var cluster = new ClusterOptions { Path = Path.Combine(_directory, "cluster.db") };
        var services = new ServiceCollection();
        services.AddSingleton(new SqlStore(cluster));
        services.AddKeyedSingleton<IGrainStorage>(RecordStore.StorageName, (s, _) =>
            Storage = new FaultyStorage(new SqlGrainStorage(s.GetRequiredService<SqlStore>(), "test", new RecordSerializer())));
        services.AddSingleton<RecordStore>();
        services.AddSingleton<IMoveArbiter, MoveArbiter>();
        _services = services.BuildServiceProvider();
        Records = _services.GetRequiredService<RecordStore>();
        (A, EngineA, _) = Host("host-a", tlsA);
        (B, EngineB, IOptions<SiloOptions> options) = Host("host-b", tlsB);
        _listener = new DataListener(B, options, NullLogger<DataListener>.Instance);
        _listener.StartAsync(default).GetAwaiter().GetResult();
        Wire = new Link(options.Value.DataPort);
    }

    public FakeWorld World { get; } = new();
    public ContainerHost A { get; }
    public ContainerHost B { get; }
    public FakeEngine EngineA { get; }
    public FakeEngine EngineB { get; }
    public RecordStore Records { get; }
    public FaultyStorage Storage { get; private set; } = null!;
    public Link Wire { get; }

    public static ContainerSpec Spec { get; } = new() { Args = ["fake"] };

    /// <summary>A container that runs on A, with its record, and an order to move it to B.</summary>
    public async Task<MoveOrder> RunningAsync(string name, MigrateOptions? options = null, ContainerSpec? spec = null)
    {
        spec ??= Spec;
        RunningState running = await A.StartAsync(name, spec, "", 1, default);
        var order = new MoveOrder(Guid.NewGuid().ToString("N"), name, "host-b", Wire.Address, 2, spec, "", options ?? new MigrateOptions());
        var record = new ContainerRecord
        {
            Name = name, Spec = spec, Home = "host-a", Generation = 1, Phase = ContainerPhase.Moving, Running = running,
            Move = new MoveIntent(order.MigrationId, "host-a", "host-b", 2),
        };
        Assert.True(await Records.TryWriteAsync(name, await Records.ReadAsync(name, default), record, default));
        return order;
    }

    /// <summary>The same move, ordered anew, as the grain does after one that failed.</summary>
    public async Task<MoveOrder> OrderAgainAsync(MoveOrder order)
    {
        MoveOrder again = order with { MigrationId = Guid.NewGuid().ToString("N") };
        StoredRecord read = await Records.ReadAsync(order.Name, default);
        var intent = new MoveIntent(again.MigrationId, "host-a", "host-b", again.NewGeneration);
        Assert.True(await Records.TryWriteAsync(order.Name, read, read.Record! with { Phase = ContainerPhase.Moving, Move = intent }, default));
        return again;
    }

    /// <summary>What the grain on B writes at the commit point.</summary>
    public async Task<bool> CommitRecordAsync(MoveOrder order)
    {
        StoredRecord read = await Records.ReadAsync(order.Name, default);
        if (read.Record!.Move is null)
            return false;
        return await Records.TryWriteAsync(order.Name, read,
            read.Record with { Home = "host-b", Generation = 2, Phase = ContainerPhase.Running, Move = null }, default);
    }

    public async Task<ContainerRecord> RecordAsync(MoveOrder order) => (await Records.ReadAsync(order.Name, default)).Record!;

    public async ValueTask DisposeAsync()
    {
        Wire.Dispose();
        await _listener.StopAsync(default);
        await _services.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The host of a silo that begins where A's has died: it finds the containers of its engine.</summary>
    public ContainerHost AfterA() => Host(EngineA, new SiloOptions { HostName = "host-a", StateDirectory = EngineA.Options.StateDirectory }, new TlsOptions());

    private (ContainerHost Host, FakeEngine Engine, IOptions<SiloOptions> Options) Host(string name, TlsOptions? tls)
    {
        string state = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
        var engine = new FakeEngine(World, name, state);
        var options = new SiloOptions { HostName = name, StateDirectory = state, Address = "127.0.0.1", DataPort = FreePort() };
        return (Host(engine, options, tls ?? new TlsOptions()), engine, Options.Create(options));
    }

    private ContainerHost Host(FakeEngine engine, SiloOptions options, TlsOptions tls) =>
        new(engine, Options.Create(options), Options.Create(new NetworkOptions()), Options.Create(tls), _services, TimeProvider.System, NullLogger<ContainerHost>.Instance);

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
