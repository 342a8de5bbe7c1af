namespace ContainerGrains.Engine;

/// <summary>
/// The native core of one host: containers made of real processes. Synchronous; every operation runs on a thread of its own
/// (ptrace and setns belong to threads). Knows nothing of Orleans. Errors: <see cref="EngineException"/>.
/// </summary>
public interface IContainerEngine : IDisposable
{
    EngineOptions Options { get; }

    /// <summary>Creates namespaces, root file system, cgroup, interface, and starts the program as pid 1.</summary>
    IEngineContainer Start(ContainerConfig config, CancellationToken cancellationToken);

    /// <summary>A container with processes on this host; null when there is none of that name.</summary>
    IEngineContainer? Find(string name);

    IReadOnlyList<IEngineContainer> Containers { get; }

    /// <summary>
    /// Takes back the containers that an earlier engine of this host has left running, and clears away what it has left half done. Called
    /// once, before anything else. What was taken back runs on, or stands still if it did, with the network that it had:
    /// <see cref="IEngineContainer.Resume"/> or <see cref="IEngineContainer.Discard"/>, when it is known whose it is.
    /// </summary>
    IReadOnlyList<FoundContainer> Adopt();

    /// <summary>Restores a container from an image; it runs when this returns.</summary>
    IEngineContainer Restore(Stream image, ContainerConfig config, CancellationToken cancellationToken);

    /// <summary>Begins to receive a container from a source; nothing of it runs before <see cref="IMoveTarget.Commit"/>.</summary>
    IMoveTarget BeginReceive(Stream wire, ContainerConfig config);

    /// <summary>Kills what is left of the name and removes its directory. Nothing there is no error.</summary>
    void Delete(string name);

    /// <summary>Runs a throw-away container through start, checkpoint, move and restore, so that nothing is compiled inside a freeze.</summary>
    void WarmUp();
}

/// <summary>Options of a host's engine.</summary>
public sealed class EngineOptions
{
    /// <summary>Directory of this host's containers; a real file system or tmpfs (overlay refuses to be its own upper).</summary>
    public required string StateDirectory { get; init; }
    /// <summary>Distinguishes the cgroups of several engines on one machine, host-a for example.</summary>
    public required string HostName { get; init; }
    /// <summary>The cgroup above the hosts' groups; two clusters of one machine, whose hosts have the same names, need two.</summary>
    public string CgroupParent { get; init; } = "containergrains";
    /// <summary>Bridge that containers are attached to, in the network namespace of this process; null gives them only lo.</summary>
    public string? Bridge { get; init; }
}

/// <summary>What the engine needs to know of a container.</summary>
public sealed record ContainerConfig
{
    public required string Name { get; init; }
    public required IReadOnlyList<string> Args { get; init; }
    public string Rootfs { get; init; } = "/";
    public IReadOnlyList<string> Env { get; init; } = [];
    public string WorkingDirectory { get; init; } = "/";
    public string User { get; init; } = "0";
    public string? Hostname { get; init; }
    public IReadOnlyList<VolumeConfig> Volumes { get; init; } = [];
    public long? MemoryBytes { get; init; }
    public double? Cpus { get; init; }
    public int? Pids { get; init; }
    /// <summary>"10.88.0.5/16", or null for no interface but lo.</summary>
    public string? Address { get; init; }
    /// <summary>Default route, or null.</summary>
    public string? Gateway { get; init; }
    public long Generation { get; init; }
}

public sealed record VolumeConfig(string Source, string Target, bool ReadOnly);

/// <summary>One container on this host. Thread-safe.</summary>
public interface IEngineContainer
{
    string Name { get; }
    ContainerConfig Config { get; }
    int Pidspace { get; }
    /// <summary>Real pid of init.</summary>
    int InitPid { get; }
    DateTimeOffset StartedAt { get; }
    /// <summary>Completes when init has exited and everything of the container is reaped.</summary>
    Task<ProcessExit> Exited { get; }
    /// <summary>Raw output files; they only grow, and move with the container.</summary>
    string StdoutPath { get; }
    string StderrPath { get; }
    /// <summary>What could not be restored in full when it came to this host and does no harm; one sentence each.</summary>
    IReadOnlyList<string> Warnings { get; }

    IReadOnlyList<ProcessEntry> Processes();
    IExecSession Exec(ExecConfig exec, CancellationToken cancellationToken);
    /// <summary>An exec by its id, ended or not, also one begun on another host before a move.</summary>
    IExecSession? FindExec(string execId);
    /// <exception cref="EngineException">NoSuchProcess.</exception>
    void Signal(int virtualPid, int signal);
    /// <summary>SIGKILL to everything at once; returns when all is reaped.</summary>
    ProcessExit Kill();
    CgroupStats Stats();

    /// <summary>A container of <see cref="IContainerEngine.Adopt"/> goes on here: it thaws if it stood still, and its network is open.</summary>
    void Resume();
    /// <summary>A container of <see cref="IContainerEngine.Adopt"/> lives elsewhere or nowhere: it goes without a word, and its directory with it.</summary>
    void Discard();

    /// <summary>What a checkpoint would refuse now. Nothing is frozen.</summary>
    IReadOnlyList<CheckpointObstacle> Preflight();
    /// <summary>
    /// Writes an image: the memory while the container runs, and what is left in a freeze. With <paramref name="leaveRunning"/> false the
    /// container is gone afterwards (its directory stays). Whatever fails, it runs on. A file is on its disk when this returns.
    /// </summary>
    CheckpointResult Checkpoint(Stream image, bool leaveRunning, CancellationToken cancellationToken);
    /// <summary>Begins a move; nothing is frozen before <see cref="IMoveSource.CutOver"/>.</summary>
    IMoveSource BeginMove(Stream wire, MoveSettings settings);
}

/// <summary>The source's side of a move. Dispose before <see cref="Discard"/> thaws and takes everything back.</summary>
public interface IMoveSource : IDisposable
{
    /// <summary>One pre-copy round: sends what is dirty (the first: everything). The container runs.</summary>
    RoundResult Round(CancellationToken cancellationToken);
    /// <summary>Freezes, sends the last dirty pages and all records. The frozen copy stays until Discard or Dispose.</summary>
    CutOverResult CutOver(CancellationToken cancellationToken);
    /// <summary>The target has committed: kills the frozen copy and removes the container's directory.</summary>
    void Discard();
    /// <summary>Frames for the container that arrived since the freeze, as the target is to replay them; call it after the commit.</summary>
    IReadOnlyList<byte[]> TakeHeldFrames();
}

/// <summary>The target's side of a move. Dispose before <see cref="Commit"/> removes all that was received.</summary>
public interface IMoveTarget : IDisposable
{
    /// <summary>
    /// Reads the wire until the round's or the cut-over's end mark: a round's pages go into the shadow; after a cut-over the
    /// container stands complete and stopped. Returns what was read.
    /// </summary>
    ReceiveResult Receive(CancellationToken cancellationToken);
    /// <summary>Lets the processes run and announces the address.</summary>
    IEngineContainer Commit(IReadOnlyList<byte[]> heldFrames);
}

public sealed record MoveSettings(TimeSpan FreezeTimeout);
public sealed record RoundResult(int Round, long DirtyPages, long Bytes, double Ms);
/// <param name="Freezes">1, and one more for each time that something stood in the way for a moment and the container ran on.</param>
/// <param name="BeforeMs">From the call to the freeze that counts; the container ran most of it.</param>
public sealed record CutOverResult(long FinalPages, long Bytes, double FreezeMs, double DumpMs, double SendMs, int Freezes = 1, double BeforeMs = 0);
/// <param name="StandstillMs">How long ago the source said that the container stands still; 0 when it did not (no rounds).</param>
public sealed record ReceiveResult(bool IsCutOver, long Pages, long Bytes, double RestoreMs, double StandstillMs = 0);
/// <param name="FrozenMs">From the freeze until its processes ran again, or were gone.</param>
/// <param name="Rounds">Written while the container ran.</param>
public sealed record CheckpointResult(long Bytes, double FrozenMs, double TotalMs, int Processes, int Rounds);
/// <param name="Passing">It goes away by itself in a moment (a child between vfork and execve): worth a second look.</param>
public sealed record CheckpointObstacle(int VirtualPid, string Process, string Object, string Reason, string Remedy, bool Passing = false);
public sealed record ProcessExit(int Code, int Signal)
{
    /// <summary>It has ended, and its status went to a parent that is not the engine, or to nobody.</summary>
    public static ProcessExit Unknown { get; } = new(255, 0);
}

/// <summary>What <see cref="IContainerEngine.Adopt"/> found of a container.</summary>
/// <param name="Container">Null unless it was taken back.</param>
/// <param name="Reason">Why it is as it is, in a sentence; empty when it was taken back.</param>
public sealed record FoundContainer(string Name, FoundState State, IEngineContainer? Container, string Reason);

public enum FoundState
{
    /// <summary>It runs, or stands still, and is this engine's from now on.</summary>
    TakenBack,
    /// <summary>Its processes have ended while there was no engine.</summary>
    Ended,
    /// <summary>The earlier engine died at a moment after which it cannot go on: it was killed.</summary>
    Killed,
    /// <summary>Its processes run, and it is not known enough of them to take them back.</summary>
    Left,
}
public sealed record ExecConfig(IReadOnlyList<string> Args, IReadOnlyList<string> Env, string? WorkingDirectory, string? User, byte[] StandardInput);
public sealed record CgroupStats(double CpuSeconds, long MemoryBytes, long? MemoryLimitBytes, int Processes, int Threads, long ReceivedBytes, long SentBytes);

/// <param name="Pids">From the host inwards, as NSpid: [0] real, [^1] innermost.</param>
public sealed record ProcessEntry(
    IReadOnlyList<int> Pids, int ParentVirtualPid, string Comm, IReadOnlyList<string> CommandLine, char State, int Threads, int User, long ResidentBytes, double CpuSeconds);

/// <summary>An exec: its output goes to files that move with the container.</summary>
public interface IExecSession
{
    string Id { get; }
    int VirtualPid { get; }
    string StdoutPath { get; }
    string StderrPath { get; }
    Task<ProcessExit> Exited { get; }
}
