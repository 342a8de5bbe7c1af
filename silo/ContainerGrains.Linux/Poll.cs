namespace ContainerGrains.Linux;

/// <summary>poll(2) on one descriptor, and short waits, for threads of an operation.</summary>
public static unsafe class Poll
{
    public const short POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 16;

    /// <summary>Waits for events on a descriptor; the events that came, 0 on timeout. A negative timeout waits for ever.</summary>
    public static short Wait(int fd, short events, int timeoutMs)
    {
        PollFd poll = new() { Fd = fd, Events = events };
        return Kernel.Call("poll", Syscall.poll, (long)(&poll), 1, timeoutMs) == 0 ? (short)0 : poll.Returned;
    }

    /// <summary>Sleeps without an event; for retries against the kernel's own deferred work.</summary>
    public static void Sleep(int ms) => _ = Kernel.Raw(Syscall.poll, 0, 0, ms);

    private struct PollFd { public int Fd; public short Events, Returned; }
}
