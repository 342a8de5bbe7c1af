namespace ContainerGrains.Linux;

/// <summary>pipe(7): both ends, what is in it, how much fits.</summary>
public static unsafe class Pipes
{
    private const int F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032, FIONREAD = 0x541B;
    private const short POLLERR = 8, POLLHUP = 16;

    public static (FileDescriptor Read, FileDescriptor Write) Create(int flags)
    {
        int* ends = stackalloc int[2];
        Kernel.Call("pipe2", Syscall.pipe2, (long)ends, flags | Files.O_CLOEXEC);
        return (new FileDescriptor(ends[0]), new FileDescriptor(ends[1]));
    }

    public static int Capacity(int fd) => (int)Kernel.Call("fcntl(F_GETPIPE_SZ)", Syscall.fcntl, fd, F_GETPIPE_SZ);

    /// <summary>Bytes; the result or -errno (EPERM: above pipe-max-size without CAP_SYS_RESOURCE).</summary>
    public static long TrySetCapacity(int fd, int bytes) => Kernel.Raw(Syscall.fcntl, fd, F_SETPIPE_SZ, bytes);

    /// <summary>Bytes that wait to be read.</summary>
    public static int Unread(int fd)
    {
        int count;
        Kernel.Call("ioctl(FIONREAD)", Syscall.ioctl, fd, FIONREAD, (long)(&count));
        return count;
    }

    /// <summary>Copies what is in one pipe into another without taking it out; tee(2).</summary>
    public static int Tee(int from, int to, int bytes)
    {
        const int SPLICE_F_NONBLOCK = 2;
        return (int)Kernel.Call("tee", Syscall.tee, from, to, bytes, SPLICE_F_NONBLOCK);
    }

    /// <summary>Whether the other side is gone: no writer for a read end, no reader for a write end.</summary>
    public static bool OtherSideGone(int fd)
    {
        PollFd poll = new() { Fd = fd };
        Kernel.Call("poll", Syscall.poll, (long)(&poll), 1, 0);
        return (poll.Returned & (POLLERR | POLLHUP)) != 0;
    }

    private struct PollFd { public int Fd; public short Events, Returned; }
}
