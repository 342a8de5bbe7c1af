using System.Runtime.InteropServices;
using System.Text.Json;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A container on its way back to life: takes frames as they come (tree, pages, files, records), completes the processes when the
/// last one is there, and lets them go. Nothing of it runs before <see cref="Go"/>; disposing before removes it all. Belongs to the
/// operation's thread.
/// </summary>
internal sealed class ContainerRestore : IDisposable
{
    private readonly ContainerEngine _engine;
    private readonly ContainerConfig _config;
    private readonly ContainerDirectory _directory;
    private readonly int _pidspace;
    private readonly Sandbox _sandbox;
    private readonly TreeRestore _tree;
    private readonly MappedFiles _memoryFiles;
    private FileDescriptor? _root;
    private readonly List<byte[]> _blobs = [];
    private readonly List<(ulong Start, ulong End)> _ranges = [];
    private ContainerRecord? _record;
    private RestoreContext? _context;
    private IDisposable? _urgency;
    private bool _gone;

    public ContainerRestore(ContainerEngine engine, ContainerConfig config)
    {
        _engine = engine;
        _config = config;
        _directory = ContainerDirectory.Of(engine.Options, config.Name);
        _directory.Create();
        _directory.Incoming.Set();
        _pidspace = engine.TakePidspace();
        try
        {
            _sandbox = Sandbox.Create(engine.Options, engine.Mounts, config, _directory, silent: true);
        }
        catch
        {
            engine.ReturnPidspace(_pidspace);
            throw;
        }
        _tree = new TreeRestore(_sandbox);
        _memoryFiles = new MappedFiles(() => Root, _sandbox.Init, engine.Options.HostName);
    }

    public long Pages { get; private set; }

    /// <summary>Takes the reader's current frame.</summary>
    public void Take(ImageReader reader)
    {
        switch (reader.Type)
        {
            case FrameType.Standstill:
                BeUrgent();
                break;
            case FrameType.Tree:
                ApplyTree(reader.ReadJson<TreeRecord>());
                break;
            case FrameType.Directory or FrameType.DirectoryEnd:
                TakeDirectory(reader);
                break;
            case FrameType.Pages:
                ReadOnlySpan<byte> bytes = reader.ReadRanges(out int owner, _ranges);
                SpaceOf(owner, reader).Write(_ranges, bytes);
                Pages += bytes.Length / Kernel.PageSize;
                break;
            case FrameType.Dropped:
                reader.ReadRanges(out int dropper, _ranges);
                SpaceOf(dropper, reader).Drop(_ranges);
                break;
            case FrameType.ObjectPages:
                ReadOnlySpan<byte> content = reader.ReadRanges(out int objectId, _ranges);
                _memoryFiles.Write(objectId, _ranges, content);
                Pages += content.Length / Kernel.PageSize;
                break;
            case FrameType.Blob:
                _blobs.Add(reader.Payload.ToArray());
                break;
            case FrameType.Container:
                if (_record is not null) throw reader.Damaged("a second container record");
                _record = reader.ReadJson<ContainerRecord>();
                Build(_record);
                break;
            default:
                throw reader.Damaged($"a frame of type {reader.Type} does not belong here");
        }
    }

    /// <summary>Everything has come: the stubs go, and the processes stand complete, stopped, in the middle of what they did.</summary>
    public void Complete()
    {
        ContainerRecord record = _record ?? throw new EngineException(EngineError.BadImage, "restore", "the image ends without its container record; it is damaged");
        foreach (TaskRecord task in record.Tasks) LeaveStub(task, _context!.Task(task.VirtualPid)!);
        RunStage(record, RestoreStage.Outside);
    }

    // Everything but the end of the stubs, which are still wanted: pages that the source has dropped are told last.
    private void Build(ContainerRecord record)
    {
        CheckKinds(record);
        var context = _context = new RestoreContext(_config, _directory.Path, _sandbox.Init.Tid, _blobs);
        foreach ((MemoryObjectRecord memory, FileDescriptor file) in _memoryFiles.Objects)
            SharedInode.Of(context, memory.Device, memory.Inode, () => Linux.Files.Duplicate(file.Number));
        _tree.SetGroups();
        _tree.EndZombies();
        foreach (TaskRecord task in record.Tasks)
        {
            TreeRestore.Node node = _tree.Find(task.VirtualPid);
            FinishMemory(task, node);
            var restored = new TaskRestore(task.VirtualPid, node.Puppet);
            restored.Threads.Add(new ThreadRestore(restored, task.VirtualPid, node.Puppet));
            context.Tasks.Add(restored);
        }
        RunStage(record, RestoreStage.Process);
        foreach (TaskRecord task in record.Tasks) MakeThreads(task, context.Task(task.VirtualPid)!);
        RunStage(record, RestoreStage.Threads);
        RestoreFiles(record, context);
        RunStage(record, RestoreStage.AfterFiles);
        RunStage(record, RestoreStage.Signals);
        RunStage(record, RestoreStage.Credentials);
        RunStage(record, RestoreStage.Last);
    }

    /// <summary>Lets the processes run and the network in.</summary>
    public EngineContainer Go(IReadOnlyList<byte[]> heldFrames)
    {
        RestoreContext context = _context ?? throw new InvalidOperationException("the container is not complete");
        var container = new EngineContainer(_engine, _config, _pidspace, _sandbox.Init.Tid, _sandbox.Cgroup, _directory, _sandbox.Network) { Warnings = [.. context.Warnings] };
        _engine.Add(container);
        _gone = true;
        _sandbox.Network.Open(heldFrames, context.Thaw);
        WatchChildren(container);
        Save(container);
        foreach (IGrouping<bool, TaskRestore> some in _record!.Tasks.OrderByDescending(t => t.Stopped).GroupBy(t => t.Stopped, t => context.Task(t.VirtualPid)!))
        {
            foreach (TaskRestore task in some)
            {
                if (some.Key) Kernel.Call("kill(SIGSTOP)", Syscall.kill, task.Pid, Signals.SIGSTOP, pid: task.Pid);
                foreach (ThreadRestore thread in task.Threads) thread.Agent.Detach();
            }
            if (some.Key) ProcessTree.WaitUntilStopped([.. some.Select(task => task.Pid)]);
        }
        _directory.InHand.Clear();
        _sandbox.Keep();
        CloseAll();
        _urgency?.Dispose();
        return container;
    }

    // From here to the last thread that was let go, this engine must not die, or the next one finds a container of which only a part runs.
    private void Save(EngineContainer container)
    {
        try
        {
            container.Save();
            _directory.InHand.Set();
            _directory.Incoming.Clear();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or LinuxException)
        {
            // It lives here, written down or not.
            container.Warnings = [.. container.Warnings, $"should the silo of this host end before it, the next one cannot take it back ({e.Message})"];
        }
    }

    public void Dispose()
    {
        if (_gone) return;
        _gone = true;
        _urgency?.Dispose();
        CloseAll();
        _sandbox.Dispose();
        _engine.ReturnPidspace(_pidspace);
        _directory.Delete();
    }

    // What is made from here on inherits it.
    private void BeUrgent()
    {
        _urgency ??= Urgency.OfThisThread();
        foreach (TreeRestore.Node node in _tree.Nodes) Urgency.OfStanding(node.Puppet.Tid);
        Urgency.OfStanding(_sandbox.Init.Tid);
    }

    // The root file system, from the moment it is needed: by then the upper directory is complete.
    private FileDescriptor Root
    {
        get
        {
            if (_root is not null) return _root;
            _sandbox.Mount(_config);
            return _root = Linux.Files.Open($"/proc/{_sandbox.Init.Tid}/root", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        }
    }

    private void TakeDirectory(ImageReader reader)
    {
        CarriedDirectory which = DirectoryFrameReader.DirectoryOf(reader);
        if (which == CarriedDirectory.Shm) _ = Root;
        else if (_root is not null) throw reader.Damaged($"the {which} directory comes after the root file system was needed");
        string path = which switch
        {
            CarriedDirectory.Upper => _directory.Upper,
            CarriedDirectory.Logs => _directory.Logs,
            _ => $"/proc/{_sandbox.Init.Tid}/root/dev/shm",
        };
        using var stream = new DirectoryFrameReader(reader);
        DirectoryTransfer.Receive(stream, path);
        stream.Finish();
    }

    private void ApplyTree(TreeRecord tree)
    {
        if (tree.Frozen) _ = Root;
        _memoryFiles.Ensure(tree.Objects);
        _tree.Apply(tree);
        foreach (TreeRestore.Node node in _tree.Nodes)
        {
            if (node.Record.Space is not { } space) continue;
            if (node.Space is null)
            {
                node.Space = new AddressSpaceRestore(node.Puppet, _memoryFiles);
                node.Space.Prepare(space);
            }
            node.Space.Reconcile(space, withFiles: tree.Frozen);
        }
    }

    private AddressSpaceRestore SpaceOf(int virtualPid, ImageReader reader) =>
        _tree.Find(virtualPid).Space ?? throw reader.Damaged($"pages came for process {virtualPid}, which has no memory");

    private void FinishMemory(TaskRecord task, TreeRestore.Node node)
    {
        AddressSpaceRecord space = node.Record.Space ?? throw new EngineException(EngineError.BadImage, "restore", $"process {task.VirtualPid} is alive and has no memory; the image is damaged");
        var guards = new List<(ulong, ulong)>();
        for (int i = 0; i + 1 < task.Guards.Count; i += 2) guards.Add((task.Guards[i], task.Guards[i + 1]));
        node.Space!.Finish(space, guards, what => _context!.Warnings.Add($"process {task.VirtualPid}: {what}"));
        Puppet puppet = node.Puppet;
        puppet.ResetScratch();
        using FileDescriptor exe = OpenPath(task.Executable, Linux.Files.O_RDONLY), cwd = OpenPath(task.WorkingDirectory, Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        RemoteAddress auxv = puppet.Put(task.Auxv);
        MmLayout m = task.Layout;
        const int PR_SET_MM = 35, PR_SET_MM_MAP = 14, mapBytes = 104, exeNumber = 0;
        ulong[] map = [m.StartCode, m.EndCode, m.StartData, m.EndData, m.StartBrk, m.Brk, m.StartStack, m.ArgStart, m.ArgEnd, m.EnvStart, m.EnvEnd, auxv.Value, (uint)task.Auxv.Length | (ulong)exeNumber << 32];
        puppet.Run(
        [
            new(Syscall.pidfd_getfd, SeedImage.EnginePidFd, exe.Number, 0),
            new(Syscall.prctl, PR_SET_MM, PR_SET_MM_MAP, puppet.Put(MemoryMarshal.AsBytes<ulong>(map)), mapBytes, 0),
            new(Syscall.close, exeNumber),
            new(Syscall.pidfd_getfd, SeedImage.EnginePidFd, cwd.Number, 0),
            new(Syscall.fchdir, 0),
            new(Syscall.close, 0),
        ], "memory layout");
    }

    private FileDescriptor OpenPath(string path, int flags)
    {
        long fd = Linux.Files.TryOpenInRoot(Root, path, flags);
        return fd >= 0 ? new FileDescriptor(fd) : throw new EngineException(EngineError.FileMismatch, "restore", $"'{path}' cannot be opened on host '{_engine.Options.HostName}' ({Errno.Name((int)-fd)}); put the same file there");
    }

    private static void MakeThreads(TaskRecord task, TaskRestore restored)
    {
        const ulong flags = CloneFlags.CLONE_VM | CloneFlags.CLONE_FS | CloneFlags.CLONE_FILES | CloneFlags.CLONE_SIGHAND | CloneFlags.CLONE_THREAD | CloneFlags.CLONE_SYSVSEM;
        foreach (ThreadRecord thread in task.Threads.Skip(1))
        {
            restored.Agent.ResetScratch();
            // Every level of pid namespaces gives the thread an id; nested ones come with nested containers.
            restored.Threads.Add(new ThreadRestore(restored, thread.VirtualTid, restored.Agent.Clone(flags, 0, [thread.VirtualTid])));
        }
    }

    // A kind that nobody here restores would be lost without a word.
    private static void CheckKinds(ContainerRecord record)
    {
        var tasks = ResourceCatalog.Tasks.Select(r => r.Kind).ToHashSet();
        var threads = ResourceCatalog.Threads.Select(r => r.Kind).ToHashSet();
        string? unknown = record.Tasks.SelectMany(t => t.Resources.Keys).FirstOrDefault(k => !tasks.Contains(k))
            ?? record.Tasks.SelectMany(t => t.Threads).SelectMany(t => t.Resources.Keys).FirstOrDefault(k => !threads.Contains(k));
        if (unknown is not null) throw new EngineException(EngineError.BadImage, "restore", $"state of kind '{unknown}' is unknown here; the image is of a newer version");
    }

    private void RunStage(ContainerRecord record, RestoreStage stage)
    {
        foreach (TaskRecord task in record.Tasks)
        {
            TaskRestore restored = _context!.Task(task.VirtualPid)!;
            foreach (TaskResource room in ResourceCatalog.Tasks)
            {
                if (room.Stage != stage || !task.Resources.TryGetValue(room.Kind, out JsonElement element)) continue;
                restored.Agent.ResetScratch();
                room.RestoreJson(element, restored, _context);
            }
            if (stage == RestoreStage.Process) continue;
            for (int i = 0; i < task.Threads.Count; i++)
                foreach (ThreadResource room in ResourceCatalog.Threads)
                {
                    if (room.Stage != stage || !task.Threads[i].Resources.TryGetValue(room.Kind, out JsonElement element)) continue;
                    restored.Threads[i].Agent.ResetScratch();
                    room.RestoreJson(element, restored.Threads[i], _context);
                }
        }
    }

    private static void RestoreFiles(ContainerRecord record, RestoreContext context)
    {
        var rooms = ResourceCatalog.Files.ToDictionary(r => r.Kind);
        FileResource RoomOf(FileRecord file) => rooms.TryGetValue(file.Kind, out FileResource? room)
            ? room
            : throw new EngineException(EngineError.BadImage, "restore: files", $"files of kind '{file.Kind}' are unknown here; the image is of a newer version");
        foreach (FileRecord file in record.Files.OrderBy(f => RoomOf(f).RestoreOrder).ThenBy(f => f.Id))
        {
            FileDescriptor fd = RoomOf(file).RestoreJson(file, context);
            context.SetFile(file.Id, fd);
            DescriptorTables.SetDescription(file, fd, context);
        }
        foreach (TaskRestore task in context.Tasks)
        {
            task.Agent.ResetScratch();
            DescriptorTables.Install(task, record.Files, context);
        }
        foreach (FileRecord file in record.Files) RoomOf(file).FinishJson(file, context.File(file.Id), context);
    }

    // The stub goes, all threads get their registers, and stand where the kernel still honours what the registers say of an
    // interrupted call.
    private static void LeaveStub(TaskRecord task, TaskRestore restored)
    {
        if (task.Resources.TryGetValue(SignalActionsKind, out JsonElement actions)
            && SignalActions.TrapAction(RecordJson.Read<SignalActions.Record>(actions, SignalActionsKind)) is { } trap)
            SignalActions.SetTrapAction(restored.Agent, trap);
        List<MapEntry> maps = MapEntry.Read(restored.Pid);
        restored.Agent.Leave(VdsoCode.FindSyscall(restored.Pid, maps));
        for (int i = 0; i < task.Threads.Count; i++)
        {
            ThreadRecord record = task.Threads[i];
            Puppet agent = restored.Threads[i].Agent;
            if (record.Registers.Length != Marshal.SizeOf<Regs>()) throw new EngineException(EngineError.BadImage, "restore: registers", $"thread {record.VirtualTid} has registers of {record.Registers.Length} bytes");
            Ptrace.SetXState(agent.Tid, record.XState);
            agent.Regs = MemoryMarshal.Read<Regs>(record.Registers);
            agent.Park();
            agent.Regs = MemoryMarshal.Read<Regs>(record.Registers);
            Ptrace.SetSignalMask(agent.Tid, record.SignalMask);
        }
    }

    private static readonly string SignalActionsKind = new SignalActions().Kind;

    private void WatchChildren(EngineContainer container)
    {
        container.Watch();
        ILookup<bool, ExecSession> sessions = ExecSession.Load(_directory).ToLookup(s => s.Exited.IsCompleted);
        foreach (ExecSession session in sessions[true]) container.AddEndedExec(session);
        // Pids are used again: the ended ones do not count here.
        Dictionary<int, ExecSession> execs = sessions[false].GroupBy(s => s.VirtualPid).ToDictionary(g => g.Key, g => g.Last());
        foreach (TreeRestore.Node node in _tree.Nodes)
            if (node.Record is { Parent: 0, VirtualPid: not 1 } record)
                container.WatchExec(execs.GetValueOrDefault(record.VirtualPid) ?? new ExecSession(_directory, $"pid{record.VirtualPid}", record.VirtualPid), node.Puppet.Tid);
    }

    private void CloseAll()
    {
        foreach (FileDescriptor file in _context?.OpenFiles.Values ?? []) file.Dispose();
        _tree.Dispose();
        _memoryFiles.Dispose();
        _root?.Dispose();
    }
}
