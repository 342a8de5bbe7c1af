namespace ContainerGrains.Linux;

/// <summary>fstatfs(2): which kind of file system a file is on (linux/magic.h).</summary>
public static unsafe class FileSystems
{
    public const long PROC_SUPER_MAGIC = 0x9fa0, SYSFS_MAGIC = 0x62656572, CGROUP_SUPER_MAGIC = 0x27e0eb, CGROUP2_SUPER_MAGIC = 0x63677270, NSFS_MAGIC = 0x6e736673,
        TMPFS_MAGIC = 0x01021994, HUGETLBFS_MAGIC = 0x958458f6, MQUEUE_MAGIC = 0x19800202, OVERLAYFS_SUPER_MAGIC = 0x794c7630, PIPEFS_MAGIC = 0x50495045, DEVPTS_SUPER_MAGIC = 0x1cd1,
        SECRETMEM_MAGIC = 0x5345434d, ANON_INODE_FS_MAGIC = 0x09041934, PID_FS_MAGIC = 0x50494446, DEBUGFS_MAGIC = 0x64626720, TRACEFS_MAGIC = 0x74726163, BPF_FS_MAGIC = 0xcafe4a11L;

    /// <summary>f_type.</summary>
    public static long TypeOf(int fd)
    {
        long* statfs = stackalloc long[15];
        Kernel.Call("fstatfs", Syscall.fstatfs, fd, (long)statfs);
        return statfs[0];
    }
}
