using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>kcmp(2): whether two processes share a kernel object.</summary>
public static unsafe class Kcmp
{
    private const int KCMP_FILE = 0, KCMP_EPOLL_TFD = 7;

    /// <summary>Whether two descriptors are the same open file description.</summary>
    public static bool SameFile(int pid1, int fd1, int pid2, int fd2) =>
        Kernel.Call("kcmp(KCMP_FILE)", Syscall.kcmp, pid1, pid2, KCMP_FILE, fd1, fd2, pid: pid1) == 0;

    /// <summary>What two tasks may share besides files (linux/kcmp.h).</summary>
    public enum Shared { Memory = 1, Descriptors = 2, FileSystem = 3, SignalHandlers = 4 }

    /// <summary>Whether two processes or threads share one of those.</summary>
    public static bool Share(int pid1, int pid2, Shared what) => Kernel.Call("kcmp", Syscall.kcmp, pid1, pid2, (long)what, 0, 0, pid: pid1) == 0;

    /// <summary>Whether a descriptor is the target of an epoll interest.</summary>
    /// <param name="targetFd">The number under which the interest was added.</param>
    /// <param name="offset">Which one of those with that number, in the order of fdinfo.</param>
    public static bool IsEpollTarget(int pid, int fd, int epollPid, int epollFd, int targetFd, int offset)
    {
        Slot slot = new() { Epoll = (uint)epollFd, Target = (uint)targetFd, Offset = (uint)offset };
        return Kernel.Call("kcmp(KCMP_EPOLL_TFD)", Syscall.kcmp, pid, epollPid, KCMP_EPOLL_TFD, fd, (long)(&slot), pid: epollPid) == 0;
    }

    /// <summary>struct kcmp_epoll_slot.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Slot { public uint Epoll, Target, Offset; }
}
