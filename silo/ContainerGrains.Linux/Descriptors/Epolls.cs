using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>epoll(7): interests of an instance that is not ours to wait on.</summary>
public static unsafe class Epolls
{
    public const int EPOLL_CTL_ADD = 1;
    public const uint EPOLLIN = 1, EPOLLOUT = 4, EPOLLEXCLUSIVE = 1u << 28, EPOLLWAKEUP = 1u << 29, EPOLLONESHOT = 1u << 30, EPOLLET = 1u << 31;

    public static FileDescriptor Create() => new(Kernel.Call("epoll_create1", Syscall.epoll_create1, Files.O_CLOEXEC));

    public static void Add(int epoll, int fd, EpollEvent e) => Kernel.Call("epoll_ctl(EPOLL_CTL_ADD)", Syscall.epoll_ctl, epoll, EPOLL_CTL_ADD, fd, (long)(&e));

    /// <summary>Takes up to <paramref name="events"/>'s length of events that are ready now.</summary>
    public static int Take(int epoll, Span<EpollEvent> events)
    {
        fixed (EpollEvent* p = events) return (int)Kernel.Call("epoll_wait", Syscall.epoll_wait, epoll, (long)p, events.Length, 0);
    }
}

/// <summary>struct epoll_event, packed on x86-64.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct EpollEvent(uint events, ulong data)
{
    public uint Events = events;
    public ulong Data = data;
}
