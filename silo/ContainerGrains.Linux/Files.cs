using System.Text;

namespace ContainerGrains.Linux;

/// <summary>Calls on files of this process, one expression each.</summary>
public static unsafe class Files
{
    public const int AT_FDCWD = -100;
    public const int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0x40, O_EXCL = 0x80, O_NOCTTY = 0x100, O_TRUNC = 0x200, O_APPEND = 0x400,
        O_NONBLOCK = 0x800, O_DSYNC = 0x1000, O_ASYNC = 0x2000, O_DIRECT = 0x4000, O_LARGEFILE = 0x8000, O_DIRECTORY = 0x10000, O_NOFOLLOW = 0x20000, O_NOATIME = 0x40000,
        O_CLOEXEC = 0x80000, O_SYNC = 0x101000, O_PATH = 0x200000, O_TMPFILE = 0x410000;
    public const int RESOLVE_IN_ROOT = 0x10;
    public const int AT_EMPTY_PATH = 0x1000, AT_SYMLINK_NOFOLLOW = 0x100;

    public static FileDescriptor Open(string path, int flags, int mode = 0)
    {
        fixed (byte* name = Bytes(path))
            return new FileDescriptor(Kernel.Call("open", Syscall.openat, AT_FDCWD, (long)name, flags | O_CLOEXEC, mode, path: path));
    }

    /// <summary>Opens a path below a directory; absolute paths and links stay below it (openat2 with RESOLVE_IN_ROOT).</summary>
    public static FileDescriptor OpenInRoot(FileDescriptor root, string path, int flags, int mode = 0)
    {
        long fd = TryOpenInRoot(root, path, flags, mode);
        return new FileDescriptor(Result.Check(fd, "openat2", path: path));
    }

    /// <summary>As <see cref="OpenInRoot"/>, but gives the descriptor or -errno.</summary>
    public static long TryOpenInRoot(FileDescriptor root, string path, int flags, int mode = 0)
    {
        ulong* how = stackalloc ulong[3];
        how[0] = (ulong)(uint)(flags | O_CLOEXEC);
        how[1] = (flags & (O_CREAT | 0x400000)) != 0 ? (ulong)mode : 0;
        how[2] = RESOLVE_IN_ROOT;
        fixed (byte* name = Bytes(path))
        {
            long result;
            do result = Kernel.Raw(Syscall.openat2, root.Number, (long)name, (long)how, 24);
            while (result is -Errno.EINTR or -Errno.EAGAIN);
            return result;
        }
    }

    public static FileDescriptor Duplicate(int fd) => new(Kernel.Call("fcntl(F_DUPFD_CLOEXEC)", Syscall.fcntl, fd, 1030, 3));

    /// <summary>Sets O_APPEND, O_NONBLOCK, O_ASYNC, O_DIRECT, O_NOATIME of a description (F_SETFL).</summary>
    public static void SetStatusFlags(int fd, int flags) => Kernel.Call("fcntl(F_SETFL)", Syscall.fcntl, fd, 4, flags);

    /// <summary>Target of a symbolic link or of a magic link in /proc; null when there is none.</summary>
    public static string? ReadLink(string path)
    {
        byte* buffer = stackalloc byte[4096];
        fixed (byte* name = Bytes(path))
        {
            long length = Kernel.Raw(Syscall.readlink, (long)name, (long)buffer, 4096);
            return length < 0 ? null : Encoding.UTF8.GetString(buffer, (int)length);
        }
    }

    public static long Read(int fd, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
            return Kernel.Call("read", Syscall.read, fd, (long)p, buffer.Length);
    }

    public static long ReadAt(int fd, Span<byte> buffer, long offset)
    {
        fixed (byte* p = buffer)
            return Kernel.Call("pread64", Syscall.pread64, fd, (long)p, buffer.Length, offset);
    }

    public static void WriteAll(int fd, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
            for (int done = 0; done < buffer.Length;)
                done += (int)Kernel.Call("write", Syscall.write, fd, (long)(p + done), buffer.Length - done);
    }

    public static void WriteAllAt(int fd, ReadOnlySpan<byte> buffer, long offset)
    {
        fixed (byte* p = buffer)
            for (int done = 0; done < buffer.Length;)
                done += (int)Kernel.Call("pwrite64", Syscall.pwrite64, fd, (long)(p + done), buffer.Length - done, offset + done);
    }

    /// <summary>Writes a short text to a file of /proc or a cgroup in one write.</summary>
    public static void WriteText(string path, string text)
    {
        using FileDescriptor file = Open(path, O_WRONLY);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* p = bytes)
            Kernel.Call("write", Syscall.write, file.Number, (long)p, bytes.Length, path: path);
    }

    /// <summary>Reads a whole (small or generated) file, 64 MiB at most.</summary>
    public static byte[] ReadAll(string path) => ReadToBuffer(path).ToArray();

    public static string ReadText(string path) => Encoding.UTF8.GetString(ReadToBuffer(path));

    // A freeze reads some hundreds of files of /proc, and a fresh buffer for each would bring a garbage collection into it.
    [ThreadStatic] private static byte[]? _readBuffer;

    // Valid until this thread reads the next file.
    private static ReadOnlySpan<byte> ReadToBuffer(string path)
    {
        const int usualBytes = 1 << 16, mostBytes = 64 << 20;
        using FileDescriptor file = Open(path, O_RDONLY);
        byte[] buffer = _readBuffer ??= new byte[usualBytes];
        int length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= mostBytes) throw new LinuxException("read", Errno.EFBIG, path: path);
                Array.Resize(ref buffer, buffer.Length * 2);
            }
            int read = (int)Read(file.Number, buffer.AsSpan(length));
            if (read == 0) return buffer.AsSpan(0, length);
            length += read;
        }
    }

    public static FileStat Stat(int fd, string? path = null)
    {
        FileStat stat;
        Kernel.Call("fstat", Syscall.fstat, fd, (long)(&stat), path: path);
        return stat;
    }

    /// <summary>Stat of a path, following links; null when it does not exist.</summary>
    public static FileStat? TryStat(string path)
    {
        FileStat stat;
        fixed (byte* name = Bytes(path))
            return Kernel.Raw(Syscall.stat, (long)name, (long)(&stat)) < 0 ? null : stat;
    }

    internal static byte[] Bytes(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }
}
