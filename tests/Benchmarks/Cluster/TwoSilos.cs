using System.Net;
using System.Net.Sockets;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.Client;
using ContainerGrains.Engine;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ContainerGrains.Benchmarks.Cluster;

/// <summary>
/// A cluster of two silo processes on the loopback interface with SQLite, and a client of it in this process. Containers have
/// only lo; a cluster of ./dev up beside it is not touched.
/// </summary>
internal sealed class TwoSilos : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Scratch _scratch = new();
    private readonly List<SiloProcess> _silos = [];
    private readonly IHost _client;

    public TwoSilos()
    {
        // Names that no other cluster of this machine has: cgroups carry them.
        string id = Guid.NewGuid().ToString("n")[..6];
        try
        {
            _silos.AddRange(((string[])[$"bench-{id}-a", $"bench-{id}-b"]).Select(host => new SiloProcess(_scratch.Path, host, FreePorts())));
            HostApplicationBuilder builder = Host.CreateApplicationBuilder();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["Cluster:Path"] = $"{_scratch.Path}/cluster.db" });
            builder.Logging.SetMinimumLevel(LogLevel.Error);
            builder.AddContainerGrains();
            _client = builder.Build();
            AwaitBoth().GetAwaiter().GetResult();
        }
        catch
        {
            foreach (SiloProcess silo in _silos) Console.Error.WriteLine($"bench: last words of {silo.Host}:\n{LastWords(silo)}");
            _client?.Dispose();
            RemoveSilos();
            throw;
        }
    }

    public ContainerCluster Cluster => _client.Services.GetRequiredService<ContainerCluster>();
    public IReadOnlyList<SiloProcess> Silos => _silos;

    /// <summary>Why there can be no cluster; null when there can.</summary>
    public static string? Missing => File.Exists(BenchPaths.Silo) ? null : $"missing: the silo is not built ({BenchPaths.Silo}); ./dev bench builds it";

    public void Dispose()
    {
        _client.StopAsync().GetAwaiter().GetResult();
        _client.Dispose();
        RemoveSilos();
    }

    private void RemoveSilos()
    {
        foreach (SiloProcess silo in _silos) silo.Dispose();
        CgroupMounts mounts = CgroupMounts.Read();
        foreach (string group in mounts.Legacy.Values.Append(mounts.Unified).Distinct().SelectMany(mount => _silos.Select(s => $"{mount}/containergrains/{s.Host}")))
            if (Directory.Exists(group)) Directory.Delete(group);
        _scratch.Dispose();
    }

    private async Task AwaitBoth()
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            // The store has no tables before the first silo has made them.
            while (!_silos.All(s => File.Exists(s.ApiSocket)))
            {
                if (_silos.FirstOrDefault(s => s.HasExited) is { } dead) throw new InvalidOperationException($"the silo {dead.Host} ended: {LastWords(dead)}");
                await Task.Delay(50, patience.Token);
            }
            await _client.StartAsync(patience.Token);
            while ((await Cluster.GetHostsAsync(patience.Token)).Count < _silos.Count) await Task.Delay(50, patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the two silos did not find each other within {Patience.TotalSeconds} s: {string.Join('\n', _silos.Select(LastWords))}");
        }
    }

    private static string LastWords(SiloProcess silo) => string.Join('\n', File.ReadLines(silo.LogPath).TakeLast(10));

    private static int FreePorts()
    {
        const int wanted = 3, attempts = 100;
        for (int i = 0; i < attempts; i++)
        {
            int first = Random.Shared.Next(20_000, 30_000);
            if (Enumerable.Range(first, wanted).All(IsFree)) return first;
        }
        throw new InvalidOperationException("no three free ports in a row");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, port);
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
