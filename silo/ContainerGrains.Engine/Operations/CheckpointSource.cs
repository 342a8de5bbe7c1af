using System.Diagnostics;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The writing side of a checkpoint or move: rounds while the container runs, then the cut-over. Belongs to one operation's
/// thread; disposing it before <see cref="Discard"/> thaws the container where it is.
/// </summary>
internal sealed class CheckpointSource : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int LongestWaitMs = 128, FewestFreezes = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly EngineContainer _container;
    private readonly ImageWriter _writer;
    private readonly TimeSpan _freezeTimeout;
    private readonly NativeBuffer _buffer = new(BufferBytes);
    private readonly Dictionary<int, MemorySource> _memory = [];
    // What the target still has of address spaces that are no more, by virtual pid.
    private readonly Dictionary<int, PageSet> _leftover = [];
    private TreeRecord? _sentTree;
    private DirectoryManifest? _upper, _logs;
    private readonly Bystanders _bystanders;
    private FrozenContainer? _frozen;
    private DumpContext? _context;
    private int _rounds;
    private long _frozenUntil;

    public CheckpointSource(EngineContainer container, Stream stream, TimeSpan freezeTimeout)
    {
        _container = container;
        _bystanders = new Bystanders(container.InitPid);
        _writer = new ImageWriter(stream);
        _freezeTimeout = freezeTimeout;
        _container.Network.PrepareLock();
        _writer.WriteJson(FrameType.Manifest, new ManifestRecord(ManifestRecord.Current, container.Name, Environment.OSVersion.Version.ToString(), DateTimeOffset.UtcNow, container.Config));
    }

    public long Bytes => _writer.Bytes;
    public int Processes => _frozen?.Tasks.Count ?? 0;

    /// <summary>Stopwatch timestamp at which the freeze began; 0 before.</summary>
    public long FrozenSince { get; private set; }

    /// <summary>For how long the container has stood still: until it went on or away, or until now.</summary>
    public TimeSpan Frozen => FrozenSince == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(FrozenSince, _frozen is null ? _frozenUntil : Stopwatch.GetTimestamp());

    /// <exception cref="EngineException">NotCarried: something stands in the way, and has for a while.</exception>
    public void RefuseObstacles()
    {
        IReadOnlyList<CheckpointObstacle> obstacles = ContainerEngine.Guard("preflight", () => ObstacleCheck.Check(_container, _bystanders, alone: true));
        if (obstacles.Count == 0) return;
        string more = obstacles.Count > 1 ? $" (and {obstacles.Count - 1} more; 'cg migrate {_container.Name} --dry-run' lists them)" : "";
        throw NotCarried(obstacles[0], more);
    }

    /// <summary>One pre-copy round.</summary>
    public RoundResult Round()
    {
        long start = Stopwatch.GetTimestamp(), before = _writer.Bytes;
        SendDirectories(SharedMappings.Read(ReadLiveTasks()));
        List<TaskDump> tasks = ReadLiveTasks();
        using var objects = new MemoryObjects();
        TreeRecord tree = ContainerDump.ReadTree(frozen: false, tasks, objects, _ => null, (_, _, _, _) => { });
        Send(tree with { Objects = [], Processes = [.. tree.Processes.Select(WithoutObjects)] });
        long pages = 0;
        foreach (TaskDump task in tasks)
        {
            if (task.IsZombie || tree.Processes.FirstOrDefault(p => p.VirtualPid == task.VirtualPid)?.Space is not { } space) continue;
            try
            {
                pages += SourceOf(task, track: true).SendRound(space, _writer, _buffer);
            }
            catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.ENOENT || e is { Errno: Errno.EPERM, Syscall: "ptrace(PTRACE_SEIZE)" })
            {
                // It ended during the round (EPERM: it is about to): the next tree is without it.
                Forget(task.Pid);
            }
        }
        _writer.Write(FrameType.RoundEnd, default);
        _writer.Flush();
        return new RoundResult(++_rounds, pages, _writer.Bytes - before, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    /// <summary>Freezes and sends all that is left. The container stands still afterwards.</summary>
    public CutOverResult CutOver()
    {
        // Made before the freeze, if at all, and gone before the container is.
        using Bystanders bystanders = _bystanders;
        long before = _writer.Bytes, start = Stopwatch.GetTimestamp();
        // Without rounds there is all of the memory to send: that is no work for the head of the queue.
        using IDisposable? urgency = _rounds > 0 ? Urgency.OfThisThread() : null;
        (FrozenContainer frozen, DumpContext context, int freezes) = Freeze();
        if (urgency is not null) _writer.Write(FrameType.Standstill, default);
        _writer.Flush();
        double freezeMs = Stopwatch.GetElapsedTime(FrozenSince).TotalMilliseconds;

        long dumpStart = Stopwatch.GetTimestamp();
        using var objects = new MemoryObjects();
        TreeRecord tree = ContainerDump.ReadTree(frozen: true, context.Tasks, objects, LayoutOf,
            (task, what, reason, remedy) => throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}, {what}", $"{reason}; {remedy}"));
        context.CarriedByMemory.UnionWith(objects.Records.Select(o => (o.Device, o.Inode)));
        SendDirectories(SharedMappings.Of(tree));
        SendShm();
        TaskDump[] believed = [.. context.Tasks.Where(t => LayoutOf(t) is not null && t.Stat.ResidentPages * Kernel.PageSize <= AdviceCheck.MostResidentBytes)];
        Send(tree);
        // The target works on what it has while the rest is read here: each of these goes at once.
        _writer.Flush();
        var spaces = tree.Processes.Where(p => p.Space is not null).ToDictionary(p => p.VirtualPid, p => p.Space!);
        long pages = objects.Write(_writer, _buffer);
        foreach (TaskDump task in context.Tasks)
            if (!task.IsZombie) pages += SourceOf(task, track: false).SendFinal(spaces[task.VirtualPid], _writer, _buffer);
        _writer.Flush();
        double sendMs = Stopwatch.GetElapsedTime(dumpStart).TotalMilliseconds;

        frozen.Infest();
        ContainerRecord record = new ContainerDump(context).Read(task => _memory[task.Pid].Guards);
        foreach (byte[] blob in context.Blobs) _writer.Write(FrameType.Blob, blob);
        _writer.WriteJson(FrameType.Container, record);
        _writer.Flush();
        // Beside the target's restore, which has begun.
        foreach (TaskDump task in context.Tasks)
            if (!task.IsZombie) _memory[task.Pid].SendDropped(spaces[task.VirtualPid], _writer);
        foreach (TaskDump task in believed) AdviceCheck.Verify(task, spaces[task.VirtualPid]);
        _writer.Write(FrameType.End, default);
        _writer.Flush();
        double dumpMs = Stopwatch.GetElapsedTime(dumpStart).TotalMilliseconds - sendMs;
        // Beside the target's restore.
        frozen.Rest();
        return new CutOverResult(pages, _writer.Bytes - before, freezeMs, dumpMs, sendMs, freezes, Stopwatch.GetElapsedTime(start, FrozenSince).TotalMilliseconds);
    }

    /// <summary>The container has another home: the frozen copy goes without a word.</summary>
    public void Discard()
    {
        if (_frozen is null) throw new InvalidOperationException("nothing was frozen");
        _container.Network.Silence();
        foreach (MemorySource memory in _memory.Values) memory.Dispose();
        _memory.Clear();
        FrozenContainer frozen = _frozen;
        _frozen = null;
        frozen.Discard();
        _frozenUntil = Stopwatch.GetTimestamp();
        CloseContext();
    }

    public void Dispose()
    {
        try
        {
            Thaw();
        }
        finally
        {
            CloseContext();
            foreach (MemorySource memory in _memory.Values) memory.Dispose();
            _memory.Clear();
            _buffer.Dispose();
        }
    }

    /// <summary>
    /// Freezes when nothing stands in the way. What came up between the look and the freeze is met before anything is sent: the container
    /// runs on until it is gone, and is frozen again in that moment.
    /// </summary>
    private (FrozenContainer Frozen, DumpContext Context, int Freezes) Freeze()
    {
        long start = Stopwatch.GetTimestamp();
        RefuseObstacles();
        for (int freezes = 1, waitMs = 2; ; freezes++, waitMs = Math.Min(2 * waitMs, LongestWaitMs))
        {
            // What the runtime would collect inside the freeze it collects now.
            GC.Collect(0);
            FrozenContainer frozen = _frozen = FrozenContainer.Freeze(_container, _freezeTimeout);
            FrozenSince = frozen.Since;
            _container.Network.Lock();
            _container.AwaitEndedExecs(frozen.Tasks, _freezeTimeout);
            DumpContext context = _context = new DumpContext(_container.Config, _container.Directory.Path, _container.InitPid) { Bystanders = _bystanders };
            context.Tasks.AddRange(frozen.Tasks);
            DescriptorReader.ReadAll(context, running: false);
            if (ObstacleCheck.Find(context) is not var (file, obstacle)) return (frozen, context, freezes);
            Thaw();
            if (freezes >= FewestFreezes && Stopwatch.GetElapsedTime(start) > Patience) throw NotCarried(obstacle, $" (so in each of {freezes} freezes; try again)");
            ObstacleCheck.WaitUntilGone(file, context, waitMs);
            CloseContext();
            if (!obstacle.Passing) RefuseObstacles();
        }
    }

    private void Thaw()
    {
        if (_frozen is not { } frozen) return;
        _frozen = null;
        try
        {
            if (_context is { ThawsInside: true }) frozen.Rouse();
            _context?.Thaw();
        }
        finally
        {
            frozen.Dispose();
            _container.Network.Unlock();
            _frozenUntil = Stopwatch.GetTimestamp();
        }
    }

    private static EngineException NotCarried(CheckpointObstacle obstacle, string more) =>
        new(EngineError.NotCarried, $"process {obstacle.VirtualPid} ({obstacle.Process}), {obstacle.Object}", $"{obstacle.Reason}; {obstacle.Remedy}{more}");

    private List<TaskDump> ReadLiveTasks() => LiveTasks.Read(_container.Cgroup);

    private MemorySource SourceOf(TaskDump task, bool track)
    {
        // Another stack: the process has called execve since, or another one has its pid.
        if (_memory.TryGetValue(task.Pid, out MemorySource? source) && source.VirtualPid == task.VirtualPid && source.Stack == task.Stat.StartStack) return source;
        Forget(task.Pid);
        foreach (int earlier in _memory.Where(m => m.Value.VirtualPid == task.VirtualPid).Select(m => m.Key).ToArray()) Forget(earlier);
        source = new MemorySource(task.Pid, task.VirtualPid, task.Stat.StartStack, _leftover.GetValueOrDefault(task.VirtualPid) ?? new PageSet());
        _memory[task.Pid] = source;
        if (track) source.Track(TrackingStart.Begin(_container.Directory.InHand, task.Pid));
        return source;
    }

    // What the last round has seen of it, when it is still the same address space.
    private AddressSpaceRecord? LayoutOf(TaskDump task) =>
        !task.IsZombie && _memory.TryGetValue(task.Pid, out MemorySource? source) && source.Stack == task.Stat.StartStack ? source.Layout : null;

    private void Forget(int pid)
    {
        if (!_memory.Remove(pid, out MemorySource? source)) return;
        _leftover[source.VirtualPid] = source.AtTarget;
        source.Dispose();
    }

    // The target makes anew, empty, what is not the process of the last tree: one that a round left out, for example.
    private void Send(TreeRecord tree)
    {
        _writer.WriteJson(FrameType.Tree, tree);
        HashSet<int> lasting = LastingProcesses.Of(_sentTree, tree);
        _sentTree = tree;
        foreach (MemorySource memory in _memory.Values.Where(m => !lasting.Contains(m.VirtualPid)).ToArray()) Forget(memory.Pid);
        foreach (int virtualPid in _leftover.Keys.Where(p => !lasting.Contains(p)).ToArray()) _leftover.Remove(virtualPid);
    }

    private void SendDirectories(IReadOnlySet<string> mapped)
    {
        _upper = Send(CarriedDirectory.Upper, _container.Directory.Upper, _upper, mapped);
        _logs = Send(CarriedDirectory.Logs, _container.Directory.Logs, _logs);
    }

    private void SendShm() => Send(CarriedDirectory.Shm, $"/proc/{_container.InitPid}/root/dev/shm", null);

    private DirectoryManifest Send(CarriedDirectory which, string path, DirectoryManifest? since, IReadOnlySet<string>? mapped = null)
    {
        using var stream = new DirectoryFrameWriter(_writer, which);
        DirectoryManifest manifest = DirectoryTransfer.Send(path, since, stream, mapped);
        stream.Complete();
        return manifest;
    }

    // Shared objects are sent in the freeze only, so a round does not speak of them.
    private static ProcessRecord WithoutObjects(ProcessRecord process) => process.Space is null
        ? process
        : process with { Space = process.Space with { Mappings = [.. process.Space.Mappings.Where(m => m.Backing != Backing.Object)] } };

    private void CloseContext()
    {
        if (_context is null) return;
        foreach (OpenFile file in _context.OpenFiles) file.Fd.Dispose();
        _context = null;
    }
}
