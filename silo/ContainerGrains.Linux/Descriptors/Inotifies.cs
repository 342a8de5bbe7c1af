namespace ContainerGrains.Linux;

/// <summary>inotify(7), and file handles (open_by_handle_at(2)), by which the kernel names what is watched.</summary>
public static unsafe class Inotifies
{
    public const uint IN_DELETE_SELF = 0x400, IN_DONT_FOLLOW = 0x02000000;
    private const int MaxHandleBytes = 128;

    public static FileDescriptor Create() => new(Kernel.Call("inotify_init1", Syscall.inotify_init1, Files.O_CLOEXEC | Files.O_NONBLOCK));

    /// <summary>Watches what a descriptor of ours points at (O_PATH will do); the watch's number.</summary>
    public static int Watch(int inotify, int fd, uint mask)
    {
        fixed (byte* path = Files.Bytes($"/proc/self/fd/{fd}")) return (int)Kernel.Call("inotify_add_watch", Syscall.inotify_add_watch, inotify, (long)path, mask);
    }

    public static void Remove(int inotify, int watch) => Kernel.Call("inotify_rm_watch", Syscall.inotify_rm_watch, inotify, watch);

    /// <summary>Throws away the events that wait; the descriptor must not block.</summary>
    public static void Drain(int inotify)
    {
        const int atMost = 64;
        byte* buffer = stackalloc byte[4096];
        for (int i = 0; i < atMost && Kernel.Raw(Syscall.read, inotify, (long)buffer, 4096) > 0; i++) { }
    }

    /// <summary>Opens (O_PATH) what a file handle names, on the file system of a mount; the descriptor or -errno.</summary>
    public static long TryOpenByHandle(int mount, int type, ReadOnlySpan<byte> handle)
    {
        if (handle.Length > MaxHandleBytes) return -Errno.EINVAL;
        byte* buffer = stackalloc byte[8 + MaxHandleBytes];
        *(int*)buffer = handle.Length;
        *(int*)(buffer + 4) = type;
        handle.CopyTo(new Span<byte>(buffer + 8, MaxHandleBytes));
        return Kernel.Raw(Syscall.open_by_handle_at, mount, (long)buffer, Files.O_PATH | Files.O_CLOEXEC);
    }
}
