using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>An epoll instance (epoll(7)) for readability of descriptors, each with a number of the caller's.</summary>
public sealed unsafe class EpollSet : IDisposable
{
    private const int EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2;
    private readonly FileDescriptor _fd = new(Kernel.Call("epoll_create1", Syscall.epoll_create1, 0x80000));

    public void Add(int fd, long data)
    {
        EpollEvent e = new() { Events = 1, Data = data };
        Kernel.Call("epoll_ctl", Syscall.epoll_ctl, _fd.Number, EPOLL_CTL_ADD, fd, (long)(&e));
    }

    public void Remove(int fd) => _ = Kernel.Raw(Syscall.epoll_ctl, _fd.Number, EPOLL_CTL_DEL, fd, 0);

    /// <summary>Waits for one event; its number.</summary>
    public long Wait()
    {
        EpollEvent e;
        while (Kernel.Call("epoll_wait", Syscall.epoll_wait, _fd.Number, (long)(&e), 1, -1) == 0) { }
        return e.Data;
    }

    public void Dispose() => _fd.Dispose();

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct EpollEvent { public uint Events; public long Data; }
}
