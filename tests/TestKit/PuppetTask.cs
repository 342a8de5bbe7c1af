using ContainerGrains.Engine;
using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>A puppet as a process of a test's container: it has what descriptors the test gives it. Belongs to the thread that made it.</summary>
public sealed class PuppetTask : IDisposable
{
    public PuppetTask() => Puppet = Puppet.Spawn();

    public Puppet Puppet { get; }
    public int Pid => Puppet.Tid;

    /// <summary>Gives it a descriptor of this process under a number of its own.</summary>
    public void Give(FileDescriptor fd, int number)
    {
        int copy = (int)Puppet.Call("pidfd_getfd", Syscall.pidfd_getfd, SeedImage.EnginePidFd, fd.Number, 0);
        if (copy == number) return;
        Puppet.Call("dup3", Syscall.dup3, copy, number, 0);
        Puppet.Call("close", Syscall.close, copy);
    }

    private PuppetTask(Puppet puppet) => Puppet = puppet;

    /// <summary>A child with a copy of the descriptors.</summary>
    public PuppetTask Fork() => new(Puppet.Clone(0, 17, []));

    /// <summary>Gives it mounts of its own, with an overlay of two directories, on a third, as its root.</summary>
    public void MountOverlay(string lower, string upper, string work, string target)
    {
        const long CLONE_NEWNS = 0x20000, MS_REC = 16384, MS_PRIVATE = 1 << 18;
        Puppet.Call("unshare", Syscall.unshare, CLONE_NEWNS);
        Puppet.Call("mount", Syscall.mount, Puppet.Put("none"), Puppet.Put("/"), 0, MS_REC | MS_PRIVATE);
        Puppet.Call("mount", Syscall.mount, Puppet.Put("overlay"), Puppet.Put(target), Puppet.Put("overlay"), 0,
            Puppet.Put($"lowerdir={lower},upperdir={upper},workdir={work},index=off,redirect_dir=off,metacopy=off,xino=off"));
        Puppet.Call("chdir", Syscall.chdir, Puppet.Put(target));
        RemoteAddress here = Puppet.Put(".");
        Puppet.Call("pivot_root", Syscall.pivot_root, here, here);
        const int MNT_DETACH = 2;
        Puppet.Call("umount2", Syscall.umount2, here, MNT_DETACH);
        Puppet.Call("chdir", Syscall.chdir, Puppet.Put("/"));
        Puppet.ResetScratch();
    }

    /// <summary>Opens a path as it sees it.</summary>
    public int Open(string path, int flags, int mode = 0)
    {
        int fd = (int)Puppet.Call($"open {path}", Syscall.open, Puppet.Put(path), flags, mode);
        Puppet.ResetScratch();
        return fd;
    }

    public void Close(int number) => Puppet.Call("close", Syscall.close, number);

    /// <summary>As the restored process with that virtual pid.</summary>
    public TaskRestore AsRestored(int virtualPid) => new(virtualPid, Puppet);

    public void Dispose() => Puppet.Kill();
}
