using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>timerfd_create(2): the time that remains, the interval, unread expirations.</summary>
public static unsafe class TimerFds
{
    public const int TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2;
    public const int CLOCK_REALTIME = 0, CLOCK_REALTIME_ALARM = 8;
    private const int TFD_IOC_SET_TICKS = 0x40085400;
    private const long NsPerSecond = 1_000_000_000;

    public static FileDescriptor Create(int clock, int flags) => new(Kernel.Call("timerfd_create", Syscall.timerfd_create, clock, flags | Files.O_CLOEXEC));

    /// <summary>Nanoseconds; a value of 0 is a timer that is not armed. Counts the expirations that are due.</summary>
    public static (long ValueNs, long IntervalNs) Get(int fd)
    {
        Itimerspec spec;
        Kernel.Call("timerfd_gettime", Syscall.timerfd_gettime, fd, (long)(&spec));
        return (spec.ValueSeconds * NsPerSecond + spec.ValueNs, spec.IntervalSeconds * NsPerSecond + spec.IntervalNs);
    }

    public static void Set(int fd, int flags, long valueNs, long intervalNs)
    {
        Itimerspec spec = new() { IntervalSeconds = intervalNs / NsPerSecond, IntervalNs = intervalNs % NsPerSecond, ValueSeconds = valueNs / NsPerSecond, ValueNs = valueNs % NsPerSecond };
        Kernel.Call("timerfd_settime", Syscall.timerfd_settime, fd, flags, (long)(&spec), 0);
    }

    /// <summary>Sets the count that the next read gives; not 0.</summary>
    public static void SetTicks(int fd, ulong ticks) => Kernel.Call("ioctl(TFD_IOC_SET_TICKS)", Syscall.ioctl, fd, TFD_IOC_SET_TICKS, (long)(&ticks));

    /// <summary>A clock's time, nanoseconds.</summary>
    public static long Now(int clock)
    {
        long* time = stackalloc long[2];
        Kernel.Call("clock_gettime", Syscall.clock_gettime, clock, (long)time);
        return time[0] * NsPerSecond + time[1];
    }

    /// <summary>struct itimerspec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Itimerspec { public long IntervalSeconds, IntervalNs, ValueSeconds, ValueNs; }
}
