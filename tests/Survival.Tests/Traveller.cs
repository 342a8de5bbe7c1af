namespace ContainerGrains.Survival.Tests;

/// <summary>A container with a workload of tests/workloads, and two hosts between which it moves.</summary>
public sealed class Traveller : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _state = new();
    private readonly ContainerEngine[] _hosts;
    private readonly ContainerConfig _config;
    private int _at;

    /// <param name="workload">File in tests/workloads, run by python3.</param>
    public Traveller(string workload, params string[] args)
    {
        string id = Guid.NewGuid().ToString("N")[..8];
        _hosts = [.. new[] { "a", "b" }.Select(h => new ContainerEngine(new EngineOptions { StateDirectory = $"{_state.Path}/{h}", HostName = $"survival-{id}-{h}" }))];
        _config = new ContainerConfig
        {
            Name = "traveller", Args = ["/usr/bin/python3", "-u", $"/workloads/{workload}", .. args], Env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            Volumes = [new VolumeConfig($"{AppContext.BaseDirectory}/workloads", "/workloads", ReadOnly: true)],
        };
        Container = _hosts[_at].Start(_config, TestContext.Current.CancellationToken);
    }

    public IEngineContainer Container { get; private set; }

    /// <summary>Lines that the workload has written so far, whole ones.</summary>
    public string[] Lines
    {
        get
        {
            string text = File.ReadAllText(Container.StdoutPath);
            return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    /// <summary>Waits for lines that satisfy a condition, and returns all.</summary>
    public string[] WaitFor(Func<string[], bool> condition)
    {
        string[] lines = [];
        bool there = SpinWait.SpinUntil(() =>
        {
            Thread.Sleep(2);
            lines = Lines;
            return condition(lines) || Container.Exited.IsCompleted;
        }, Patience);
        if (!there || !condition(lines)) Assert.Fail($"the workload did not get there; it wrote:\n{string.Join('\n', lines.TakeLast(20))}\n{File.ReadAllText(Container.StderrPath)}");
        return lines;
    }

    /// <summary>Moves it to the other host, as a silo does: two rounds, freeze, restore, commit, discard.</summary>
    public void Move()
    {
        try
        {
            MoveOnce();
        }
        catch (EngineException) when (Container.Exited.Wait(TimeSpan.FromSeconds(1)))
        {
            Assert.Fail($"the workload has ended ({Container.Exited.Result}); it wrote:\n{string.Join('\n', Lines.TakeLast(20))}\n{File.ReadAllText(Container.StderrPath)}");
        }
    }

    private void MoveOnce()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        using var wire = new MemoryStream();
        using IMoveSource source = Container.BeginMove(wire, new MoveSettings(TimeSpan.FromSeconds(10)));
        source.Round(token);
        source.Round(token);
        source.CutOver(token);
        wire.Position = 0;
        ContainerEngine next = _hosts[_at = 1 - _at];
        using IMoveTarget target = next.BeginReceive(wire, _config);
        while (!target.Receive(token).IsCutOver) { }
        IEngineContainer moved = target.Commit([]);
        source.Discard();
        Container = moved;
    }

    /// <summary>A checkpoint that it runs on after.</summary>
    public void CheckpointAndGoOn() => Container.Checkpoint(Stream.Null, leaveRunning: true, TestContext.Current.CancellationToken);

    public void Dispose()
    {
        foreach (ContainerEngine host in _hosts)
        {
            host.Delete(_config.Name);
            host.Dispose();
        }
        _state.Dispose();
    }
}
