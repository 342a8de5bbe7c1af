using System.Collections.Concurrent;
using ContainerGrains.Engine;

namespace ContainerGrains.Silo.Tests;

/// <summary>Watches over all engines of a test that no container ever runs twice.</summary>
public sealed class FakeWorld
{
    private readonly Lock _lock = new();
    private readonly HashSet<(string Name, FakeEngine Engine)> _running = [];

    public ConcurrentQueue<string> Violations { get; } = new();

    public void Run(string name, FakeEngine engine)
    {
        lock (_lock)
        {
            _running.Add((name, engine));
            if (_running.Count(r => r.Name == name) > 1)
                Violations.Enqueue($"{name} runs twice");
        }
    }

    public void Halt(string name, FakeEngine engine)
    {
        lock (_lock)
            _running.Remove((name, engine));
    }

    public IReadOnlyList<string> RunningOn(string name)
    {
        lock (_lock)
            return [.. _running.Where(r => r.Name == name).Select(r => r.Engine.Options.HostName)];
    }
}

/// <summary>An engine whose processes are a block of bytes. Its wire format has end marks, as the real one's has.</summary>
public sealed class FakeEngine(FakeWorld world, string host, string stateDirectory) : IContainerEngine
{
    private readonly ConcurrentDictionary<string, FakeContainer> _containers = new();

    /// <summary>The warning that every container comes with.</summary>
    public const string NotInFull = "process 1: its hat was lost";

    public FakeWorld World => world;
    public EngineOptions Options { get; } = new() { HostName = host, StateDirectory = stateDirectory };
    public IReadOnlyList<IEngineContainer> Containers => [.. _containers.Values];

    /// <summary>Pages that the rounds behind the first find.</summary>
    public long DirtyPages { get; set; } = 10;

    /// <summary>Hooks of tests, on the move's own thread.</summary>
    public Action? OnRound { get; set; }
    /// <summary>The same, with the round's token.</summary>
    public Action<CancellationToken>? InRound { get; set; }
    public Action? BeforeCutOver { get; set; }
    public Action? AfterCutOver { get; set; }
    /// <summary>At the target, before anything of a round or the cut-over is read.</summary>
    public Action? OnReceive { get; set; }

    /// <summary>Memory of the containers that start here.</summary>
    public int MemoryBytes { get; set; } = 1 << 20;
    /// <summary>What they say to have, if not that.</summary>
    public long? ResidentBytes { get; set; }

    public IEngineContainer? Find(string name) => _containers.GetValueOrDefault(name);

    public IEngineContainer Start(ContainerConfig config, CancellationToken cancellationToken)
    {
        if (config.Args[0] == "missing")
            throw new EngineException(EngineError.ProgramNotFound, "start", "there is no program 'missing'; install it");
        byte[] memory = new byte[MemoryBytes];
        Random.Shared.NextBytes(memory);
        FakeContainer container = Add(new FakeContainer(this, config, memory));
        File.WriteAllText(container.StdoutPath, "hello\n");
        File.WriteAllText(container.StderrPath, "");
        return container;
    }

    public IEngineContainer Restore(Stream image, ContainerConfig config, CancellationToken cancellationToken)
    {
        var memory = new MemoryStream();
        image.CopyTo(memory);
        return Add(new FakeContainer(this, config, memory.ToArray()) { Warnings = [NotInFull] });
    }

    public IMoveTarget BeginReceive(Stream wire, ContainerConfig config) => new FakeMoveTarget(this, wire, config);

    public void Delete(string name)
    {
        if (_containers.TryGetValue(name, out FakeContainer? container))
            container.Kill();
    }

    /// <summary>What a silo finds that begins on this engine.</summary>
    public IReadOnlyList<FoundContainer> Adopt() => [.. Found, .. _containers.Values.Select(c => new FoundContainer(c.Name, FoundState.TakenBack, c, ""))];

    /// <summary>And besides.</summary>
    public IReadOnlyList<FoundContainer> Found { get; set; } = [];

    public void WarmUp()
    {
    }

    public void Dispose()
    {
    }

    internal FakeContainer Add(FakeContainer container)
    {
        Assert.True(_containers.TryAdd(container.Name, container), $"{container.Name} is on {Options.HostName} twice");
        world.Run(container.Name, this);
        return container;
    }

    internal void Remove(FakeContainer container)
    {
        world.Halt(container.Name, this);
        _containers.TryRemove(container.Name, out _);
    }
}

public sealed class FakeContainer(FakeEngine engine, ContainerConfig config, byte[] memory) : IEngineContainer
{
    private readonly TaskCompletionSource<ProcessExit> _exited = new();

    public string Name => Config.Name;
    public ContainerConfig Config { get; } = config;
    public byte[] Memory { get; } = memory;
    public bool Frozen { get; private set; }
    public int Pidspace => 7;
    public IReadOnlyList<string> Warnings { get; init; } = [];
    public int InitPid => 4711;
    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UtcNow;
    public Task<ProcessExit> Exited => _exited.Task;
    public string StdoutPath => Path.Combine(engine.Options.StateDirectory, $"{Name}.out");
    public string StderrPath => Path.Combine(engine.Options.StateDirectory, $"{Name}.err");

    public IReadOnlyList<ProcessEntry> Processes() => [new ProcessEntry([InitPid, 1], 0, "fake", ["fake"], 'S', 1, 0, Memory.Length, 0)];
    public IExecSession Exec(ExecConfig exec, CancellationToken cancellationToken) => throw new EngineException(EngineError.ProgramNotFound, "exec", "nothing is installed");
    public IExecSession? FindExec(string execId) => null;

    public void Signal(int virtualPid, int signal)
    {
        if (virtualPid != 1)
            throw new EngineException(EngineError.NoSuchProcess, "signal", $"there is no process {virtualPid}");
        if (signal == 15)
            End(new ProcessExit(0, 15));
    }

    public ProcessExit Kill()
    {
        End(new ProcessExit(0, 9));
        return _exited.Task.Result;
    }

    public void End(ProcessExit exit)
    {
        engine.Remove(this);
        _exited.TrySetResult(exit);
    }

    public CgroupStats Stats() => new(0, engine.ResidentBytes ?? Memory.Length, null, 1, 1, 0, 0);
    public IReadOnlyList<CheckpointObstacle> Preflight() => [];

    public CheckpointResult Checkpoint(Stream image, bool leaveRunning, CancellationToken cancellationToken)
    {
        image.Write(Memory);
        cancellationToken.ThrowIfCancellationRequested();
        if (!leaveRunning)
            End(new ProcessExit(0, 9));
        return new CheckpointResult(Memory.Length, 1, 2, 1, 3);
    }

    public IMoveSource BeginMove(Stream wire, MoveSettings settings)
    {
        // As the real engine: the manifest is written when the move begins, before any round.
        wire.WriteByte(FakeWire.Manifest);
        return new FakeMoveSource(engine, this, wire);
    }

    public void Resume()
    {
        if (Frozen)
            Thaw();
        Resumed = true;
    }

    public bool Resumed { get; private set; }
    public void Discard() => Kill();

    public void Freeze()
    {
        Frozen = true;
        engine.World.Halt(Name, engine);
    }

    public void Thaw()
    {
        Frozen = false;
        engine.World.Run(Name, engine);
    }
}

internal static class FakeWire
{
    public const byte Round = 1, CutOver = 2, Manifest = 3;

    public static void Write(Stream wire, byte kind, byte[] memory)
    {
        wire.WriteByte(kind);
        wire.Write(BitConverter.GetBytes(memory.Length));
        wire.Write(memory);
    }

    public static (byte Kind, byte[] Memory) Read(Stream wire)
    {
        byte[] head = new byte[5];
        wire.ReadExactly(head);
        byte[] memory = new byte[BitConverter.ToInt32(head, 1)];
        wire.ReadExactly(memory);
        return (head[0], memory);
    }
}

internal sealed class FakeMoveSource(FakeEngine engine, FakeContainer container, Stream wire) : IMoveSource
{
    private int _round;
    private bool _discarded;

    public RoundResult Round(CancellationToken cancellationToken)
    {
        engine.OnRound?.Invoke();
        engine.InRound?.Invoke(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        FakeWire.Write(wire, FakeWire.Round, container.Memory);
        _round++;
        return new RoundResult(_round, _round == 1 ? 1024 : engine.DirtyPages, container.Memory.Length, 1);
    }

    public CutOverResult CutOver(CancellationToken cancellationToken)
    {
        container.Freeze();
        engine.BeforeCutOver?.Invoke();
        FakeWire.Write(wire, FakeWire.CutOver, container.Memory);
        engine.AfterCutOver?.Invoke();
        return new CutOverResult(10, container.Memory.Length, 0.5, 0.6, 0.7);
    }

    public void Discard()
    {
        _discarded = true;
        container.End(new ProcessExit(0, 9));
    }

    public IReadOnlyList<byte[]> TakeHeldFrames() => [[1, 2, 3], []];

    public void Dispose()
    {
        if (!_discarded && container.Frozen)
            container.Thaw();
    }
}

internal sealed class FakeMoveTarget(FakeEngine engine, Stream wire, ContainerConfig config) : IMoveTarget
{
    private byte[] _memory = [];
    private bool _begun;

    public ReceiveResult Receive(CancellationToken cancellationToken)
    {
        if (!_begun)
            Assert.Equal(FakeWire.Manifest, wire.ReadByte());
        _begun = true;
        engine.OnReceive?.Invoke();
        (byte kind, _memory) = FakeWire.Read(wire);
        return new ReceiveResult(kind == FakeWire.CutOver, 10, _memory.Length, 0.8);
    }

    public IEngineContainer Commit(IReadOnlyList<byte[]> heldFrames) => engine.Add(new FakeContainer(engine, config, _memory) { Warnings = [FakeEngine.NotInFull] });

    public void Dispose()
    {
    }
}
