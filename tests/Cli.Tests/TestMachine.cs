using System.Text;
using ContainerGrains.Cli.Tests.Fakes;
using ContainerGrains.Silo.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ContainerGrains.Cli.Tests;

/// <summary>A machine with silos whose API is the real one, on real sockets, before a cluster in memory; and cg, run in this process.</summary>
public sealed class TestMachine : IAsyncDisposable
{
    private readonly Dictionary<string, WebApplication> _silos = [];
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("cg-");

    public FakeCluster Cluster { get; } = new();

    public Dictionary<string, string> Environment { get; } = [];

    public string RunDirectory => Path.Combine(_directory.FullName, "run");

    public static async Task<TestMachine> StartAsync(params string[] hosts)
    {
        var machine = new TestMachine();
        machine.Cluster.ImagePath = name => machine.File($"{name}.image");
        foreach (string host in hosts.Length == 0 ? ["host-a"] : hosts)
            await machine.StartSiloAsync(host);
        return machine;
    }

    public string File(string name) => Path.Combine(_directory.FullName, name);

    public string Socket(string host) => Path.Combine(RunDirectory, host, "api.sock");

    public WebApplication Silo(string host) => _silos[host];

    public async Task StartSiloAsync(string host)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenOnApiSocket(Socket(host)));
        builder.Services.AddSingleton(FakeGrainFactory.Create(Cluster));
        builder.Services.AddContainerGrainsApi(api =>
        {
            api.HostName = host;
            api.SocketPath = Socket(host);
            api.ImagesDirectory = File("uploads");
            api.LongPoll = TimeSpan.FromMilliseconds(200);
            api.ProgressInterval = TimeSpan.FromMilliseconds(10);
            api.OutcomeTimeout = TimeSpan.FromMilliseconds(200);
        });
        WebApplication silo = builder.Build();
        silo.MapContainerGrainsApi();
        await silo.StartAsync();
        _silos[host] = silo;
    }

    public async Task StopSiloAsync(string host)
    {
        _silos.Remove(host, out WebApplication? silo);
        await silo!.DisposeAsync();
    }

    /// <summary>Runs cg to its end.</summary>
    public Task<CgRun> CgAsync(params string[] args) => Begin(args).EndAsync();

    /// <summary>Starts cg, so that a test may send signals and watch.</summary>
    public CgRun Begin(params string[] args) => Begin(new TestTerminal(), args);

    public CgRun Begin(TestTerminal terminal, params string[] args) => CgRun.Begin(terminal, args, name => name switch
    {
        "CG_RUN_DIR" => RunDirectory,
        _ => Environment.GetValueOrDefault(name),
    }, _directory.FullName);

    public async ValueTask DisposeAsync()
    {
        foreach (WebApplication silo in _silos.Values)
            await silo.DisposeAsync();
        _directory.Delete(recursive: true);
    }
}

/// <summary>What cg reads and whether people watch.</summary>
public sealed record TestTerminal(byte[]? Input = null, bool Watched = false)
{
    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
