namespace ContainerGrains.Linux;

/// <summary>clock_gettime(2) and nanosleep(2) of this thread.</summary>
public static unsafe class Clocks
{
    private const int CLOCK_MONOTONIC = 1;

    public static long MonotonicNs()
    {
        TimeSpec now;
        Kernel.Call("clock_gettime", Syscall.clock_gettime, CLOCK_MONOTONIC, (long)(&now));
        return now.TotalNanoseconds;
    }

    /// <summary>
    /// Gives up the CPU for a short time: 10 µs and the timer slack (50 µs, a real-time thread has none). A shorter time would be over
    /// for a real-time thread before it has given up anything, and whoever it waits for would never run on its CPU.
    /// </summary>
    public static void Nap()
    {
        TimeSpec time = new(0, 10_000);
        _ = Kernel.Raw(Syscall.nanosleep, (long)(&time), 0);
    }
}
