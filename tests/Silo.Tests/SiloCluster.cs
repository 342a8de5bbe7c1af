using System.Net;
using System.Net.Sockets;
using ContainerGrains.Client;
using ContainerGrains.Engine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace ContainerGrains.Silo.Tests;

/// <summary>Three real silos and a real client in this process, on a store of choice; only the engine is a fake.</summary>
internal sealed class SiloCluster : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cg-cluster-").FullName;
    private readonly List<WebApplication> _silos = [];
    private IHost? _client;

    public FakeWorld World { get; } = new();
    public Dictionary<string, FakeEngine> Engines { get; } = [];
    public ContainerCluster Cluster => _client!.Services.GetRequiredService<ContainerCluster>();

    /// <param name="responseTimeout">How long the client waits for calls that have no limit of their own.</param>
    /// <summary>Of the silos, and of the client.</summary>
    public IReadOnlyList<IServiceProvider> Services => [.. _silos.Select(s => s.Services), _client!.Services];

    public static async Task<SiloCluster> StartAsync(Dictionary<string, string?>? store = null, TimeSpan? responseTimeout = null)
    {
        var cluster = new SiloCluster();
        store ??= new() { ["Cluster:Path"] = Path.Combine(cluster._directory, "cluster.db") };
        foreach (string host in (string[])["host-a", "host-b", "host-c"])
            await cluster.AddAsync(host, store);
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(store);
        builder.Logging.ClearProviders();
        builder.AddContainerGrains();
        if (responseTimeout is { } limit)
            builder.Services.Configure<ClientMessagingOptions>(o => o.ResponseTimeout = limit);
        cluster._client = builder.Build();
        await cluster._client.StartAsync();
        return cluster;
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.StopAsync();
            _client.Dispose();
        }
        foreach (WebApplication silo in _silos)
        {
            await silo.StopAsync();
            await silo.DisposeAsync();
        }
        Directory.Delete(_directory, recursive: true);
    }

    private async Task AddAsync(string host, Dictionary<string, string?> store)
    {
        string state = Directory.CreateDirectory(Path.Combine(_directory, host)).FullName;
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(store);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Silo:HostName"] = host,
            ["Silo:StateDirectory"] = state,
            ["Silo:SiloPort"] = $"{FreePort()}",
            ["Silo:GatewayPort"] = $"{FreePort()}",
            ["Silo:DataPort"] = $"{FreePort()}",
            ["Silo:ApiSocket"] = Path.Combine(_directory, $"{host}.sock"),
        });
        builder.Logging.ClearProviders();
        Engines[host] = new FakeEngine(World, host, state);
        builder.Services.AddSingleton<IContainerEngine>(Engines[host]);
        builder.AddContainerGrainsSilo();
        WebApplication silo = builder.Build();
        _silos.Add(silo);
        await silo.StartAsync();
    }

    private static int FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
