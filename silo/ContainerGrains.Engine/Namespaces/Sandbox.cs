using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// An empty container: cgroup, namespaces, root file system and interface, with a puppet as pid 1. Start puts a program into it,
/// restore the old processes.
/// </summary>
internal sealed class Sandbox : IDisposable
{
    // The user namespace comes first in this set when it comes (its owner decides about all others).
    private const ulong Namespaces = CloneFlags.CLONE_NEWPID | CloneFlags.CLONE_NEWNS | CloneFlags.CLONE_NEWNET | CloneFlags.CLONE_NEWUTS | CloneFlags.CLONE_NEWIPC;

    private bool _kept;

    private Sandbox(Puppet seed, Puppet init, ContainerCgroup cgroup, ContainerDirectory directory, NetworkAttachment network)
    {
        Seed = seed;
        Init = init;
        Cgroup = cgroup;
        Directory = directory;
        Network = network;
    }

    /// <summary>Outside the container; makes direct children of the engine. Ended by <see cref="Keep"/> and <see cref="Dispose"/>.</summary>
    public Puppet Seed { get; }
    /// <summary>Pid 1 of the container.</summary>
    public Puppet Init { get; }
    public ContainerCgroup Cgroup { get; }
    public ContainerDirectory Directory { get; }
    public NetworkAttachment Network { get; }

    /// <summary>Makes all but the root file system; <see cref="Mount"/> makes that.</summary>
    /// <param name="silent">Nothing passes its interface yet: the container still lives elsewhere.</param>
    public static Sandbox Create(EngineOptions options, CgroupMounts mounts, ContainerConfig config, ContainerDirectory directory, bool silent)
    {
        ContainerCgroup cgroup = ContainerCgroup.Create(mounts, options, config);
        Puppet? seed = null, init = null;
        try
        {
            seed = Puppet.Spawn();
            using (FileDescriptor group = cgroup.Open())
            {
                int fd = PullDescriptor(seed, group);
                init = seed.Clone(Namespaces | CloneFlags.CLONE_PARENT, 0, [1], fd);
                seed.Call("close", Syscall.close, fd);
                init.Call("close", Syscall.close, fd);
            }
            cgroup.JoinLegacy(init.Tid);
            init.Call("unshare(CLONE_NEWCGROUP)", Syscall.unshare, (long)CloneFlags.CLONE_NEWCGROUP);
            return new Sandbox(seed, init, cgroup, directory, NetworkAttachment.Attach(options, config, init.Tid, silent));
        }
        catch
        {
            init?.Kill();
            seed?.Kill();
            cgroup.Remove();
            throw;
        }
    }

    /// <summary>
    /// Mounts the root file system. The upper directory must have its contents by then: the kernel does not look again at what
    /// changes below a mounted overlay.
    /// </summary>
    public void Mount(ContainerConfig config) => MountPlan.Apply(Init, config, Directory.Path);

    /// <summary>
    /// A puppet inside the namespaces of a container whose parent is outside (an exec): virtual pid as asked, or the kernel's choice.
    /// </summary>
    /// <param name="cgroup">Null: it is not one of the container's processes, and stays in our group.</param>
    public static Puppet Enter(int initPid, ContainerCgroup? cgroup, ReadOnlySpan<int> setTid)
    {
        Puppet seed = Puppet.Spawn();
        try
        {
            using FileDescriptor init = new(Kernel.Call("pidfd_open", Syscall.pidfd_open, initPid, 0, pid: initPid));
            using FileDescriptor? group = cgroup?.Open();
            int groupFd = group is null ? -1 : PullDescriptor(seed, group), initFd = PullDescriptor(seed, init);
            seed.Call("setns", Syscall.setns, initFd, (long)(Namespaces | CloneFlags.CLONE_NEWCGROUP));
            Puppet puppet = seed.Clone(CloneFlags.CLONE_PARENT, 0, setTid, groupFd);
            // They have the lowest numbers.
            puppet.Run([new(Syscall.close_range, 0, SeedImage.EnginePidFd - 1), new(Syscall.close_range, SeedImage.EnginePidFd + 1, uint.MaxValue)]);
            cgroup?.JoinLegacy(puppet.Tid);
            return puppet;
        }
        finally
        {
            seed.Kill();
        }
    }

    /// <summary>Gives a puppet a copy of one of our descriptors; returns its number there (the lowest free one).</summary>
    public static int PullDescriptor(Puppet puppet, FileDescriptor file) =>
        (int)puppet.Call("pidfd_getfd", Syscall.pidfd_getfd, SeedImage.EnginePidFd, file.Number, 0);

    /// <summary>The container lives: only the seed goes.</summary>
    public void Keep()
    {
        _kept = true;
        Seed.Kill();
    }

    public void Dispose()
    {
        if (_kept) return;
        Seed.Kill();
        ProcessTree.KillAll(Cgroup, Init.Tid);
        Network.Dispose();
        Cgroup.Remove();
    }
}
