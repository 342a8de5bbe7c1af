namespace ContainerGrains.Linux;

/// <summary>Calls on names below a directory descriptor; no link is followed in the last component.</summary>
public static unsafe class DirectoryCalls
{
    public const int AT_REMOVEDIR = 0x200, AT_SYMLINK_FOLLOW = 0x400;

    /// <summary>The result or -errno.</summary>
    public static long TryMakeNode(int directory, ReadOnlySpan<byte> name, uint mode, ulong device)
    {
        fixed (byte* p = Terminated(name)) return Kernel.Raw(Syscall.mknodat, directory, (long)p, mode, (long)device);
    }

    public static long TryMakeDirectory(int directory, ReadOnlySpan<byte> name, uint mode)
    {
        fixed (byte* p = Terminated(name)) return Kernel.Raw(Syscall.mkdirat, directory, (long)p, mode);
    }

    public static long TryUnlink(int directory, ReadOnlySpan<byte> name, bool isDirectory = false)
    {
        fixed (byte* p = Terminated(name)) return Kernel.Raw(Syscall.unlinkat, directory, (long)p, isDirectory ? AT_REMOVEDIR : 0);
    }

    public static long TrySymbolicLink(ReadOnlySpan<byte> target, int directory, ReadOnlySpan<byte> name)
    {
        fixed (byte* t = Terminated(target), p = Terminated(name)) return Kernel.Raw(Syscall.symlinkat, (long)t, directory, (long)p);
    }

    public static long TryLink(int fromDirectory, ReadOnlySpan<byte> from, int toDirectory, ReadOnlySpan<byte> to)
    {
        fixed (byte* f = Terminated(from), t = Terminated(to)) return Kernel.Raw(Syscall.linkat, fromDirectory, (long)f, toDirectory, (long)t, 0);
    }

    public static long TryRename(int fromDirectory, ReadOnlySpan<byte> from, int toDirectory, ReadOnlySpan<byte> to)
    {
        fixed (byte* f = Terminated(from), t = Terminated(to)) return Kernel.Raw(Syscall.renameat, fromDirectory, (long)f, toDirectory, (long)t);
    }

    public static long TryChangeOwner(int directory, ReadOnlySpan<byte> name, uint uid, uint gid)
    {
        fixed (byte* p = Terminated(name)) return Kernel.Raw(Syscall.fchownat, directory, (long)p, uid, gid, Files.AT_SYMLINK_NOFOLLOW);
    }

    public static long TryChangeMode(int directory, ReadOnlySpan<byte> name, uint mode)
    {
        fixed (byte* p = Terminated(name)) return Kernel.Raw(Syscall.fchmodat, directory, (long)p, mode);
    }

    /// <summary>Sets both times, nanoseconds since 1970 (the empty name is the directory descriptor's own file).</summary>
    public static long TrySetTimes(int directory, ReadOnlySpan<byte> name, long accessNs, long modificationNs)
    {
        long* times = stackalloc long[4];
        (times[0], times[1]) = Split(accessNs);
        (times[2], times[3]) = Split(modificationNs);
        fixed (byte* p = Terminated(name))
            return Kernel.Raw(Syscall.utimensat, directory, name.IsEmpty ? 0 : (long)p, (long)times, name.IsEmpty ? 0 : Files.AT_SYMLINK_NOFOLLOW);
    }

    /// <summary>Stat without following a link; null and -errno in <paramref name="error"/> when that fails.</summary>
    public static FileStat? TryStat(int directory, ReadOnlySpan<byte> name, out long error)
    {
        FileStat stat;
        fixed (byte* p = Terminated(name))
            error = Kernel.Raw(Syscall.newfstatat, directory, (long)p, (long)(&stat), Files.AT_SYMLINK_NOFOLLOW | (name.IsEmpty ? Files.AT_EMPTY_PATH : 0));
        return error < 0 ? null : stat;
    }

    public static byte[] ReadLink(int directory, ReadOnlySpan<byte> name)
    {
        byte* buffer = stackalloc byte[4096];
        fixed (byte* p = Terminated(name))
        {
            long length = Kernel.Call("readlinkat", Syscall.readlinkat, directory, (long)p, (long)buffer, 4096);
            return new ReadOnlySpan<byte>(buffer, (int)length).ToArray();
        }
    }

    /// <summary>Opens a name below a directory; nothing leads out of it and no link is followed. The descriptor or -errno; openat2(2).</summary>
    public static long TryOpenBeneath(int directory, ReadOnlySpan<byte> name, int flags, uint mode = 0)
    {
        const ulong RESOLVE_NO_SYMLINKS = 4, RESOLVE_BENEATH = 8;
        ulong* how = stackalloc ulong[3];
        how[0] = (ulong)(uint)(flags | Files.O_CLOEXEC | Files.O_NOFOLLOW);
        how[1] = mode;
        how[2] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
        fixed (byte* p = Terminated(name))
        {
            long result;
            do result = Kernel.Raw(Syscall.openat2, directory, (long)p, (long)how, 24);
            while (result is -Errno.EINTR or -Errno.EAGAIN);
            return result;
        }
    }

    /// <summary>openat(2): the descriptor or -errno.</summary>
    public static long TryOpenAt(int directory, ReadOnlySpan<byte> name, int flags, uint mode = 0)
    {
        fixed (byte* p = Terminated(name)) return Kernel.Raw(Syscall.openat, directory, (long)p, flags | Files.O_CLOEXEC, mode);
    }

    private static (long Seconds, long Nanoseconds) Split(long ns)
    {
        long seconds = Math.DivRem(ns, 1_000_000_000, out long rest);
        return rest < 0 ? (seconds - 1, rest + 1_000_000_000) : (seconds, rest);
    }

    private static byte[] Terminated(ReadOnlySpan<byte> name)
    {
        byte[] bytes = new byte[name.Length + 1];
        name.CopyTo(bytes);
        return bytes;
    }
}
