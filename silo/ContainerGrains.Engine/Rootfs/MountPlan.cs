using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The calls that turn a fresh mount namespace into a container's root, run by its init puppet in one batch (proc, sysfs and
/// mqueue show the namespaces of whoever mounts them, so it must be the puppet). mount(2), pivot_root(2).
/// </summary>
internal sealed class MountPlan(Puppet puppet)
{
    private const long MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_REMOUNT = 32, MS_BIND = 4096, MS_REC = 16384, MS_PRIVATE = 1 << 18;
    private const int MNT_DETACH = 2;

    /// <summary>Paths that say too much of the host or could harm it; as podman masks them.</summary>
    private static readonly string[] MaskedFiles = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/kmsg", "/proc/sysrq-trigger", "/proc/interrupts"];
    private static readonly string[] MaskedDirectories = ["/proc/acpi", "/proc/scsi", "/proc/asound", "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block", "/sys/devices/virtual/powercap"];
    private static readonly string[] ReadOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"];
    private static readonly (string Name, int Minor)[] Devices = [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)];

    private readonly List<(string What, RemoteCall Call, int[] Tolerated)> _steps = [];

    public static void Apply(Puppet puppet, ContainerConfig config, string directory)
    {
        var plan = new MountPlan(puppet);
        plan.Build(config, directory);
        plan.Run();
        puppet.ResetScratch();
    }

    private void Build(ContainerConfig config, string directory)
    {
        string root = directory + "/root";
        Step("umask", new(Syscall.umask, 0));
        Mount("make mounts private", "none", "/", null, MS_REC | MS_PRIVATE, null);
        Mount($"overlay of {config.Rootfs}", "overlay", root, "overlay", 0,
            $"lowerdir={Escape(config.Rootfs)},upperdir={Escape(directory)}/upper,workdir={Escape(directory)}/work,index=off,redirect_dir=off,metacopy=off,xino=off");
        foreach (string mountPoint in (string[])["/proc", "/sys", "/dev"]) MakeDirectory(root + mountPoint, 0x1ED);
        Mount("proc", "proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, null);
        Mount("sysfs", "sysfs", root + "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, null);
        BuildDevices(root);
        foreach (VolumeConfig volume in config.Volumes) BindVolume(root, volume);
        foreach (string path in MaskedFiles) Mount($"mask {path}", root + "/dev/null", root + path, null, MS_BIND, null, Errno.ENOENT);
        foreach (string path in MaskedDirectories) Mount($"mask {path}", "tmpfs", root + path, "tmpfs", MS_RDONLY, "size=0k", Errno.ENOENT);
        foreach (string path in ReadOnly)
        {
            Mount($"bind {path}", root + path, root + path, null, MS_BIND | MS_REC, null, Errno.ENOENT);
            Mount($"read-only {path}", "none", root + path, null, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, null, Errno.ENOENT, Errno.EINVAL);
        }
        RemoteAddress dot = puppet.Put(".");
        Step("chdir to the new root", new(Syscall.chdir, puppet.Put(root)));
        Step("pivot_root", new(Syscall.pivot_root, dot, dot));
        Step("detach the old root", new(Syscall.umount2, dot, MNT_DETACH));
        Step("chdir to /", new(Syscall.chdir, puppet.Put("/")));
        string hostname = config.Hostname ?? config.Name;
        Step("sethostname", new(Syscall.sethostname, puppet.Put(hostname), hostname.Length));
        Step("umask", new(Syscall.umask, 0x12));
    }

    private void BuildDevices(string root)
    {
        const int S_IFCHR = 0x2000, rw = 0x1B6;
        Mount("dev", "tmpfs", root + "/dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k");
        foreach ((string name, int minor) in Devices)
            Step($"mknod /dev/{name}", new(Syscall.mknod, puppet.Put($"{root}/dev/{name}"), S_IFCHR | rw, (1 << 8) | minor));
        Step("mknod /dev/tty", new(Syscall.mknod, puppet.Put($"{root}/dev/tty"), S_IFCHR | rw, 5 << 8));
        foreach ((string target, string name) in (ReadOnlySpan<(string, string)>)[("/proc/self/fd", "fd"), ("/proc/self/fd/0", "stdin"), ("/proc/self/fd/1", "stdout"), ("/proc/self/fd/2", "stderr"), ("pts/ptmx", "ptmx")])
            Step($"symlink /dev/{name}", new(Syscall.symlink, puppet.Put(target), puppet.Put($"{root}/dev/{name}")));
        foreach (string name in (string[])["pts", "shm", "mqueue"]) MakeDirectory($"{root}/dev/{name}", 0x1ED);
        Mount("devpts", "devpts", root + "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
        Mount("shm", "tmpfs", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k");
        Mount("mqueue", "mqueue", root + "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, null, Errno.ENODEV);
    }

    private void BindVolume(string root, VolumeConfig volume)
    {
        string target = root + "/" + volume.Target.TrimStart('/');
        bool isDirectory = Linux.Files.TryStat(volume.Source) is { Type: FileStat.S_IFDIR };
        string parent = isDirectory ? target : target[..target.LastIndexOf('/')];
        for (int slash = root.Length; slash >= 0 && slash < parent.Length;)
        {
            slash = parent.IndexOf('/', slash + 1);
            MakeDirectory(slash < 0 ? parent : parent[..slash], 0x1ED);
            if (slash < 0) break;
        }
        if (!isDirectory) Step($"make {volume.Target}", new(Syscall.mknod, puppet.Put(target), 0x8000 | 0x1A4), Errno.EEXIST);
        Mount($"volume {volume.Source}", volume.Source, target, null, MS_BIND | MS_REC, null);
        if (volume.ReadOnly) Mount($"volume {volume.Source} read-only", "none", target, null, MS_REMOUNT | MS_BIND | MS_RDONLY, null);
    }

    private void MakeDirectory(string path, int mode) => Step($"mkdir {path}", new(Syscall.mkdir, puppet.Put(path), mode), Errno.EEXIST);

    private void Mount(string what, string source, string target, string? type, long flags, string? data, params int[] tolerated) =>
        Step($"mount {what}", new(Syscall.mount, puppet.Put(source), puppet.Put(target), type is null ? 0 : puppet.Put(type), flags, data is null ? 0 : puppet.Put(data)), tolerated);

    private void Step(string what, RemoteCall call, params int[] tolerated) => _steps.Add((what, call, tolerated));

    // The batch goes on after errors (nothing outside the new namespace can be touched), and the first one that matters is told.
    private void Run()
    {
        RemoteCall[] calls = [.. _steps.Select(s => s.Call)];
        puppet.RunBatch(calls, goOnAfterErrors: true);
        for (int i = 0; i < calls.Length; i++)
        {
            int errno = (int)-calls[i].Result;
            if (calls[i].Result is >= 0 or < -4095 || _steps[i].Tolerated.Contains(errno)) continue;
            throw new EngineException(EngineError.Internal, $"create: {_steps[i].What}", $"{Errno.Name(errno)} from the kernel; see 'cg check' for what this host lacks");
        }
    }

    private static string Escape(string path) => path.Replace("\\", "\\\\").Replace(",", "\\,").Replace(":", "\\:");
}
