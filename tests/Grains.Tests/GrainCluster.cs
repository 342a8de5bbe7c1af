using ContainerGrains.Clustering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;

namespace ContainerGrains.Grains.Tests;

/// <summary>Three silos in this process, on a real SQLite store, over a fake world.</summary>
public sealed class GrainCluster : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cg-grains-").FullName;
    private readonly InProcessTestCluster _cluster;

    private GrainCluster()
    {
        var builder = new InProcessTestClusterBuilder(3);
        var options = new ClusterOptions { Path = Path.Combine(_directory, "cluster.db") };
        builder.ConfigureSilo((silo, orleans) =>
        {
            orleans.AddContainerGrains(TimeSpan.FromSeconds(60));
            orleans.Services.AddSingleton(_ => new SqlStore(options));
            orleans.Services.AddKeyedSingleton<IGrainStorage>(RecordStore.StorageName, (s, _) =>
                new HookedStorage(new SqlGrainStorage(s.GetRequiredService<SqlStore>(), options.ServiceId, new RecordSerializer()), World));
            orleans.Services.AddSingleton<IContainerHost>(s => World.AddHost(silo.SiloName, s));
        });
        builder.ConfigureHost(host => host.Logging.SetMinimumLevel(LogLevel.Warning));
        _cluster = builder.Build();
    }

    public FakeWorld World { get; } = new();
    public IClusterClient Client => _cluster.Client;
    public IReadOnlyList<string> Hosts => [.. _cluster.Silos.Select(s => s.Name)];
    public InProcessTestCluster Inner => _cluster;

    public static async Task<GrainCluster> StartAsync()
    {
        var cluster = new GrainCluster();
        await cluster._cluster.DeployAsync();
        return cluster;
    }

    public IContainerGrain Container(string name) => Client.GetGrain<IContainerGrain>(name);

    public async Task<IContainerGrain> RunAsync(string name, string host, ContainerSpec? spec = null)
    {
        IContainerGrain container = Container(name);
        await container.CreateAsync((spec ?? new ContainerSpec { Args = ["sleep", "1000"] }) with { Host = host }, CancellationToken.None);
        await container.StartAsync(CancellationToken.None);
        return container;
    }

    public SiloAddress SiloOf(string host) => _cluster.Silos.Single(s => s.Name == host).SiloAddress;

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
