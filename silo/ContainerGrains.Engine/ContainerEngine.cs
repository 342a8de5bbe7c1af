using System.Collections.Concurrent;
using System.Diagnostics;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The engine of one host.</summary>
public sealed class ContainerEngine : IContainerEngine
{
    private readonly ConcurrentDictionary<string, EngineContainer> _containers = new();
    private readonly SortedSet<int> _pidspaces = [];
    private readonly Lock _gate = new();

    public ContainerEngine(EngineOptions options)
    {
        Options = options;
        Mounts = CgroupMounts.Read();
        Watcher = new ExitWatcher();
        System.IO.Directory.CreateDirectory(options.StateDirectory);
    }

    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(5);

    public EngineOptions Options { get; }
    internal CgroupMounts Mounts { get; }
    internal ExitWatcher Watcher { get; }

    public IReadOnlyList<IEngineContainer> Containers => [.. _containers.Values];

    public IEngineContainer? Find(string name) => _containers.GetValueOrDefault(name);

    public IEngineContainer Start(ContainerConfig config, CancellationToken cancellationToken) =>
        OperationThread.RunOnce($"start {config.Name}", () => Guard("start", () => StartCore(config)));

    public IEngineContainer Restore(Stream image, ContainerConfig config, CancellationToken cancellationToken)
    {
        using IMoveTarget target = BeginReceive(image, config);
        while (!target.Receive(cancellationToken).IsCutOver) { }
        return target.Commit([]);
    }

    public IMoveTarget BeginReceive(Stream wire, ContainerConfig config) => new MoveTarget(this, wire, config);
    public IReadOnlyList<FoundContainer> Adopt() => OperationThread.RunOnce("adopt", () => Adoption.Run(this));
    public void WarmUp() => Engine.WarmUp.Run(this);

    public void Delete(string name)
    {
        if (_containers.TryGetValue(name, out EngineContainer? container)) container.Kill();
        // What an engine that was killed left behind: its processes are nobody's children now.
        if (ContainerCgroup.Find(Mounts, Options, name) is { } left)
        {
            left.Kill();
            left.Remove();
        }
        ContainerDirectory.Of(Options, name).Delete();
    }

    /// <summary>Containers run on; the host's cgroup goes when nothing is in it.</summary>
    public void Dispose()
    {
        Watcher.Dispose();
        ContainerCgroup.RemoveHost(Mounts, Options);
    }

    /// <summary>The lowest number that no container of this host has.</summary>
    internal int TakePidspace()
    {
        lock (_gate)
        {
            int number = 1;
            foreach (int used in _pidspaces)
            {
                if (used > number) break;
                number = used + 1;
            }
            _pidspaces.Add(number);
            return number;
        }
    }

    /// <summary>The number of a container that was taken back: its own, unless another has it.</summary>
    internal int TakePidspace(int wanted)
    {
        lock (_gate)
            if (_pidspaces.Add(wanted)) return wanted;
        return TakePidspace();
    }

    /// <summary>What is about to leave, or being cleared away, is waited for: it has the same cgroup and the same directory.</summary>
    /// <exception cref="EngineException">Busy: the name is taken on this host.</exception>
    internal void RefuseExisting(string name)
    {
        long start = Stopwatch.GetTimestamp();
        while (_containers.TryGetValue(name, out EngineContainer? container) && (container.IsLeaving || container.StandsStill) && Stopwatch.GetElapsedTime(start) < LeavePatience) Poll.Sleep(1);
        if (_containers.ContainsKey(name))
            throw new EngineException(EngineError.Busy, "start", $"host '{Options.HostName}' has a container '{name}' already");
    }

    internal void ReturnPidspace(int number)
    {
        lock (_gate) _pidspaces.Remove(number);
    }

    internal void Add(EngineContainer container)
    {
        if (!_containers.TryAdd(container.Name, container))
            throw new EngineException(EngineError.Busy, "start", $"host '{Options.HostName}' has a container '{container.Name}' already");
    }

    internal void Remove(EngineContainer container)
    {
        if (!container.TryLeave()) return;
        ReturnPidspace(container.Pidspace);
        container.Directory.DeleteState();
        container.Network.Dispose();
        container.Cgroup.Remove();
        // The name last: until here the next one of that name would get what is being removed.
        _containers.TryRemove(new(container.Name, container));
    }

    /// <summary>Turns a kernel error that no stage has explained into an engine error.</summary>
    internal static T Guard<T>(string stage, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (LinuxException e)
        {
            throw e.Errno switch
            {
                Errno.ENOSPC or Errno.EDQUOT => DiskFull(stage, e),
                Errno.ENOMEM => new EngineException(EngineError.NoMemory, stage, $"the host has no memory for it ({e.Message}); free some and try again, or choose another host", e),
                _ => new EngineException(EngineError.Internal, stage, e.Message, e),
            };
        }
        // Of files: a wire's errors carry no number of the kernel.
        catch (IOException e) when (e.HResult is Errno.ENOSPC or Errno.EDQUOT)
        {
            throw DiskFull(stage, e);
        }
    }

    private static EngineException DiskFull(string stage, Exception e) =>
        new(EngineError.DiskFull, stage, $"the host's disk is full ({e.Message}); make room and try again, or choose another host", e);

    private EngineContainer StartCore(ContainerConfig config)
    {
        RefuseExisting(config.Name);
        if (ContainerCgroup.Find(Mounts, Options, config.Name) is { } left && left.Pids().Length > 0)
            throw new EngineException(EngineError.Busy, "start", $"processes of an earlier container '{config.Name}' still run on host '{Options.HostName}'; remove it with 'cg rm -f {config.Name}'");
        if (Linux.Files.TryStat(config.Rootfs) is not { Type: FileStat.S_IFDIR })
            throw new EngineException(EngineError.RootfsMissing, "start", $"root file system '{config.Rootfs}' is not a directory on host '{Options.HostName}'; create it or name another");
        foreach (VolumeConfig volume in config.Volumes)
            if (Linux.Files.TryStat(volume.Source) is null)
                throw new EngineException(EngineError.InvalidConfig, "start", $"volume source '{volume.Source}' does not exist on host '{Options.HostName}'; create it or name another");
        ContainerDirectory directory = ContainerDirectory.Of(Options, config.Name);
        directory.Create();
        directory.Incoming.Clear();
        int pidspace = TakePidspace();
        Sandbox? sandbox = null;
        try
        {
            sandbox = Sandbox.Create(Options, Mounts, config, directory, silent: false);
            sandbox.Mount(config);
            using FileDescriptor root = Linux.Files.Open($"/proc/{sandbox.Init.Tid}/root", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
            UserLookup user = UserLookup.Find(root, config.User);
            using FileDescriptor stdin = Linux.Files.OpenInRoot(root, "/dev/null", Linux.Files.O_RDWR);
            using FileDescriptor stdout = directory.OpenLog(directory.Stdout, user.Uid, user.Gid);
            using FileDescriptor stderr = directory.OpenLog(directory.Stderr, user.Uid, user.Gid);
            ProgramStart.Exec(sandbox.Init, root, new(config.Args, config.Env, config.WorkingDirectory, MakesDirectory: true, user, config.Hostname ?? config.Name), [stdin, stdout, stderr]);
            var container = new EngineContainer(this, config, pidspace, sandbox.Init.Tid, sandbox.Cgroup, directory, sandbox.Network);
            container.Save();
            Add(container);
            sandbox.Keep();
            container.Watch();
            sandbox.Init.Detach();
            return container;
        }
        catch
        {
            sandbox?.Dispose();
            directory.DeleteState();
            ReturnPidspace(pidspace);
            throw;
        }
    }
}
