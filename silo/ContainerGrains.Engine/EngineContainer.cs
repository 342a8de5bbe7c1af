using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A container with processes on this host.</summary>
internal sealed class EngineContainer : IEngineContainer
{
    private readonly ContainerEngine _engine;
    private int _leaving;
    private readonly TaskCompletionSource<ProcessExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, ExecSession> _execs = new();
    private readonly ConcurrentDictionary<int, ExecSession> _execPids = new();
    private readonly Lock _stateGate = new();

    public EngineContainer(ContainerEngine engine, ContainerConfig config, int pidspace, int initPid, ContainerCgroup cgroup, ContainerDirectory directory, NetworkAttachment network)
    {
        _engine = engine;
        Config = config;
        Pidspace = pidspace;
        InitPid = initPid;
        Cgroup = cgroup;
        Directory = directory;
        Network = network;
    }

    public string Name => Config.Name;
    public ContainerConfig Config { get; }
    public int Pidspace { get; }
    public int InitPid { get; }
    public DateTimeOffset StartedAt { get; init; } = DateTimeOffset.UtcNow;
    public Task<ProcessExit> Exited => _exited.Task;
    public string StdoutPath => Directory.Stdout;
    public string StderrPath => Directory.Stderr;
    public IReadOnlyList<string> Warnings { get; internal set; } = [];
    internal ContainerCgroup Cgroup { get; }
    internal ContainerDirectory Directory { get; }
    internal NetworkAttachment Network { get; }

    /// <summary>Serialises what freezes, adds to or ends the container.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Set while a checkpoint or move owns the container; whoever wants it too gets Busy.</summary>
    internal string? BusyWith { get; set; }

    /// <summary>Set by that operation when it is about to freeze: before, the container runs, and what is started meanwhile goes with it.</summary>
    internal bool StandsStill { get; set; }

    /// <summary>Its processes have ended; what it had on this host is being removed.</summary>
    internal bool IsLeaving => _leaving != 0;

    /// <summary>True the first time.</summary>
    internal bool TryLeave() => Interlocked.Exchange(ref _leaving, 1) == 0;

    public IReadOnlyList<ProcessEntry> Processes()
    {
        var entries = new List<ProcessEntry>();
        foreach (int pid in ProcessTree.AllPids(Cgroup))
            if (ReadEntry(pid) is { } entry) entries.Add(entry);
        return entries;
    }

    public IExecSession Exec(ExecConfig exec, CancellationToken cancellationToken)
    {
        string id = Guid.NewGuid().ToString("n")[..12];
        var session = new ExecSession(Directory, id, 0);
        OperationThread.RunOnce($"exec {Name}", () =>
        {
            lock (Gate)
            {
                if (StandsStill) RefuseWhenBusy("exec");
                StartExec(session, exec);
            }
            return true;
        });
        return session;
    }

    public IExecSession? FindExec(string execId) => _execs.GetValueOrDefault(execId);

    public void Signal(int virtualPid, int signal)
    {
        int pid = Find(virtualPid);
        long result = Kernel.Raw(Syscall.kill, pid, signal);
        if (result == -Errno.ESRCH) throw NoProcess(virtualPid);
        Result.Check(result, "kill", pid);
    }

    public ProcessExit Kill()
    {
        Cgroup.Kill();
        return _exited.Task.GetAwaiter().GetResult();
    }

    public CgroupStats Stats()
    {
        IReadOnlyList<ProcessEntry> processes = Processes();
        (double cpu, long? memory) = Cgroup.Usage();
        (long received, long sent) = Network.Counters();
        return new CgroupStats(cpu, memory ?? processes.Sum(p => p.ResidentBytes), Config.MemoryBytes, processes.Count, processes.Sum(p => p.Threads), received, sent);
    }

    public void Resume()
    {
        Reserve("return");
        try
        {
            OperationThread.RunOnce($"resume {Name}", () => ContainerEngine.Guard("resume", () =>
            {
                Leftovers.Undo(this);
                Network.Reopen();
                Cgroup.Thaw();
                return true;
            }));
        }
        finally
        {
            Release();
        }
    }

    public void Discard()
    {
        Network.Cut();
        Kill();
        _engine.Delete(Name);
    }

    public IReadOnlyList<CheckpointObstacle> Preflight() => OperationThread.RunOnce($"preflight {Name}", () => ContainerEngine.Guard("preflight", () =>
    {
        using var bystanders = new Bystanders(InitPid);
        return ObstacleCheck.Check(this, bystanders, alone: false);
    }));

    public CheckpointResult Checkpoint(Stream image, bool leaveRunning, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using var sink = new ImageSink(image, ImageSink.MostHeld, cancellationToken);
        using var source = new MoveSource(_engine, this, sink, new MoveSettings(TimeSpan.FromSeconds(10)), "checkpoint");
        source.RefuseObstacles();
        var rounds = new CheckpointRounds();
        long left;
        do left = source.Round(cancellationToken).Bytes;
        while (rounds.Another(left));
        sink.Hold(left);
        source.CutOver(cancellationToken);
        (int processes, long bytes) = (source.Processes, source.Bytes);
        if (leaveRunning)
        {
            source.Dispose();
            Write(sink);
        }
        else
        {
            // All of it is on the disk before its processes go.
            Write(sink);
            source.Discard(keepDirectory: true);
        }
        return new CheckpointResult(bytes, source.Frozen.TotalMilliseconds, Stopwatch.GetElapsedTime(start).TotalMilliseconds, processes, rounds.Count);
    }

    public IMoveSource BeginMove(Stream wire, MoveSettings settings) => new MoveSource(_engine, this, wire, settings);

    /// <summary>Reserves the container for one operation.</summary>
    /// <exception cref="EngineException">Busy.</exception>
    internal void Reserve(string what)
    {
        lock (Gate)
        {
            RefuseWhenBusy(what);
            BusyWith = what;
        }
    }

    internal void Release()
    {
        lock (Gate) (BusyWith, StandsStill) = (null, false);
    }

    /// <summary>The execs have moved with the container: their exits are the new host's to see.</summary>
    internal void ForgetExecs()
    {
        foreach ((int pid, _) in _execPids) _engine.Watcher.Forget(pid);
        _execPids.Clear();
    }

    /// <summary>
    /// For a container that stands still: returns when it is written down how those execs ended that are not among its processes any
    /// more. One that is on its way from there to its parent's notice would be in neither what is carried of processes nor of logs.
    /// </summary>
    /// <exception cref="EngineException">Timeout.</exception>
    internal void AwaitEndedExecs(IEnumerable<TaskDump> frozen, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        int[] ended = [.. _execPids.Keys.Except(frozen.Select(t => t.Pid))];
        foreach (int pid in ended)
        {
            while (_execPids.ContainsKey(pid))
            {
                if (Stopwatch.GetElapsedTime(start) > timeout)
                    throw new EngineException(EngineError.Timeout, "freeze", $"exec {_execPids.GetValueOrDefault(pid)?.Id} of container '{Name}' did not end whole within {timeout.TotalSeconds:0.#} s; try again");
                Clocks.Nap();
            }
        }
    }

    /// <summary>Writes down what the next engine is to know, should this one end before the container does.</summary>
    internal void Save()
    {
        // One after the other, each with what is so by then.
        lock (_stateGate)
        {
            Directory.WriteState(new ContainerState(ContainerState.CurrentBootId, Config, Pidspace, ProcessIdentity.Of(InitPid), StartedAt, Warnings, Network.LinkName, RunningExecs()));
        }
    }

    /// <summary>Begins to watch init; from here on <see cref="Exited"/> will complete.</summary>
    internal void Watch() => _engine.Watcher.Watch(InitPid, OnInitExited);

    /// <summary>Watches an exec that was restored, or taken back.</summary>
    internal void WatchExec(ExecSession session, int pid)
    {
        _execs[session.Id] = session;
        _execPids[pid] = session;
        _engine.Watcher.Watch(pid, exit =>
        {
            session.Ended(exit);
            _execPids.TryRemove(new(pid, session));
        });
    }

    /// <summary>Watches an exec whose process may have gone; then it is not known afterwards.</summary>
    internal void TryWatchExec(ExecSession session, int pid)
    {
        try
        {
            WatchExec(session, pid);
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            _execs.TryRemove(session.Id, out _);
            _execPids.TryRemove(pid, out _);
        }
    }

    /// <summary>Keeps the output of an exec that ended before a move.</summary>
    internal void AddEndedExec(ExecSession session) => _execs[session.Id] = session;

    internal void RefuseWhenBusy(string what)
    {
        if (BusyWith is { } other)
            throw new EngineException(EngineError.Busy, what, $"container '{Name}' is busy with a {other}; wait until it has ended");
    }

    private static void Write(ImageSink sink) => ContainerEngine.Guard("write", () =>
    {
        sink.Release();
        return true;
    });

    private void StartExec(ExecSession session, ExecConfig exec)
    {
        File.WriteAllBytes(session.StdinPath, exec.StandardInput);
        using FileDescriptor root = Linux.Files.Open($"/proc/{InitPid}/root", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        UserLookup user = UserLookup.Find(root, exec.User ?? Config.User);
        using FileDescriptor stdin = Linux.Files.Open(session.StdinPath, Linux.Files.O_RDONLY);
        using FileDescriptor stdout = Directory.OpenLog(session.StdoutPath, user.Uid, user.Gid);
        using FileDescriptor stderr = Directory.OpenLog(session.StderrPath, user.Uid, user.Gid);
        Puppet puppet = Sandbox.Enter(InitPid, Cgroup, []);
        try
        {
            ProgramStart.Exec(puppet, root, new([.. exec.Args], [.. Config.Env, .. exec.Env], exec.WorkingDirectory ?? Config.WorkingDirectory, MakesDirectory: false, user, Config.Hostname ?? Name), [stdin, stdout, stderr]);
            session.Started(ProcessTree.PidsOf(puppet.Tid)?[^1] ?? throw new EngineException(EngineError.Gone, "exec", "the process was killed before it began"));
            WatchExec(session, puppet.Tid);
            Save();
            puppet.Detach();
        }
        catch
        {
            _engine.Watcher.Forget(puppet.Tid);
            puppet.Kill();
            throw;
        }
    }

    private Dictionary<string, ContainerState.Exec> RunningExecs()
    {
        var execs = new Dictionary<string, ContainerState.Exec>();
        foreach ((int pid, ExecSession session) in _execPids)
        {
            try
            {
                execs[session.Id] = new ContainerState.Exec(ProcessIdentity.Of(pid), session.VirtualPid);
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
            {
                // It has ended in this moment.
            }
        }
        return execs;
    }

    private void OnInitExited(ProcessExit exit)
    {
        // The kernel has killed the rest of the namespace with init; execs are our own children and are reaped by the watcher.
        _engine.Remove(this);
        _exited.TrySetResult(exit);
    }

    private int Find(int virtualPid)
    {
        if (virtualPid == 1) return InitPid;
        foreach (int pid in ProcessTree.AllPids(Cgroup))
            if (ProcessTree.PidsOf(pid) is { } pids && pids[^1] == virtualPid) return pid;
        throw NoProcess(virtualPid);
    }

    private EngineException NoProcess(int virtualPid) =>
        new(EngineError.NoSuchProcess, "signal", $"container '{Name}' has no process {virtualPid}; 'cg top {Name}' lists them");

    private static ProcessEntry? ReadEntry(int pid)
    {
        try
        {
            ProcStat stat = ProcStat.Read(pid);
            ProcFields status = ProcFields.Read($"/proc/{pid}/status");
            string[] commandLine = System.Text.Encoding.UTF8.GetString(Linux.Files.ReadAll($"/proc/{pid}/cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
            int[] pids = status.Int32s("NSpid");
            int parent = stat.ParentPid == 0 ? 0 : ProcessTree.PidsOf(stat.ParentPid) is { } parents && parents.Length == pids.Length ? parents[^1] : 0;
            return new ProcessEntry(pids, parent, stat.Comm, commandLine, stat.State, stat.Threads, int.Parse(status["Uid"].Split('\t')[1], CultureInfo.InvariantCulture),
                // Not from stat: its count lags by up to some hundred KiB, and is 0 for small programs after a restore. A zombie has none.
                status.Has("VmRSS") ? status.Int64("VmRSS") * 1024 : 0, (stat.UserTicks + stat.SystemTicks) / 100.0);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }
}
