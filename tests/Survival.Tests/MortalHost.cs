using System.Diagnostics;
using System.Text.Json;

namespace ContainerGrains.Survival.Tests;

/// <summary>
/// A host whose first engine is a process of its own (tests/EngineHolder), which is killed as a silo may be, and whose second is one of this
/// process. Its containers are children of the first.
/// </summary>
internal sealed class MortalHost : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _state = new();
    private readonly EngineOptions _options;
    private readonly TestNetwork? _network;
    private readonly Process _holder;
    private readonly ContainerConfig _config;
    private ContainerEngine? _engine;

    /// <param name="network">Where it works, with a bridge; null: its containers have only lo.</param>
    public MortalHost(ContainerConfig config, TestNetwork? network = null)
    {
        (_config, _network) = (config, network);
        _options = new EngineOptions { StateDirectory = $"{_state.Path}/host", HostName = $"mortal-{Guid.NewGuid().ToString("N")[..8]}", Bridge = network is null ? null : TestLan.Bridge };
        string program = $"{AppContext.BaseDirectory}../../ContainerGrains.EngineHolder/{Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/'))}/ContainerGrains.EngineHolder";
        string[] where = network is null ? [] : ["nsenter", $"--net=/proc/{Environment.ProcessId}/task/{network.ThreadId}/ns/net"];
        string[] command = [.. where, program, _options.StateDirectory, _options.HostName, .. _options.Bridge is { } bridge ? (string[])[bridge] : []];
        _holder = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        _holder.StandardInput.WriteLine(JsonSerializer.Serialize(config));
    }

    /// <summary>The second engine.</summary>
    public ContainerEngine Engine => _engine ?? throw new InvalidOperationException("the first engine lives");

    public string ContainerDirectory => $"{_options.StateDirectory}/containers/{_config.Name}";
    public string Cgroup => $"{CgroupMounts.Read().Unified}/{_options.CgroupParent}/{_options.HostName}/{_config.Name}";
    public string StdoutPath => $"{ContainerDirectory}/logs/stdout";
    public IReadOnlyList<string> Lines => File.Exists(StdoutPath) ? ContainerMover.WholeLines(StdoutPath) : [];

    /// <summary>Has the first engine do something, and returns its answer.</summary>
    public string Tell(string what)
    {
        _holder.StandardInput.WriteLine(what);
        Task<string?> answer = _holder.StandardOutput.ReadLineAsync();
        return answer.Wait(Patience) && answer.Result is { } line ? line : throw new InvalidOperationException($"the engine did not answer '{what}'");
    }

    /// <summary>kill -9 of the first engine.</summary>
    public void Kill()
    {
        _holder.Kill();
        _holder.WaitForExit();
    }

    /// <summary>The second engine begins, and finds what there is.</summary>
    public FoundContainer? Adopt()
    {
        _engine = Run(() => new ContainerEngine(_options));
        return Run(_engine.Adopt).SingleOrDefault();
    }

    /// <summary>The second engine has taken the container back, and it goes on.</summary>
    public IEngineContainer TakeBack()
    {
        FoundContainer? found = Adopt();
        Assert.Equal((FoundState.TakenBack, ""), (found?.State, found?.Reason));
        Run(found!.Container!.Resume);
        return found.Container;
    }

    public T Run<T>(Func<T> work) => _network is null ? work() : _network.Run(work);

    public void Run(Action work) => Run(() =>
    {
        work();
        return true;
    });

    public void WaitFor(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Patience) throw new TimeoutException($"waited {Patience.TotalSeconds} s for {what}; last output:\n{string.Join('\n', Lines.TakeLast(10))}");
            Thread.Sleep(2);
        }
    }

    public void WaitForLines(int more)
    {
        int wanted = Lines.Count + more;
        WaitFor(() => Lines.Count >= wanted, $"{more} lines more of output");
    }

    public void AssertNothingLeft()
    {
        Assert.False(Directory.Exists(ContainerDirectory), "the directory is there");
        Assert.False(Directory.Exists(Cgroup), "the cgroup is there");
    }

    public void Dispose()
    {
        Kill();
        _holder.Dispose();
        _engine ??= Run(() => new ContainerEngine(_options));
        Run(() => _engine.Delete(_config.Name));
        _engine.Dispose();
        _state.Dispose();
    }
}
