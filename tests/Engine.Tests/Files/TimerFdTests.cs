namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class TimerFdTests
{
    private const int CLOCK_MONOTONIC = 1;
    private const long Second = 1_000_000_000;

    [Fact]
    public void An_armed_timer_keeps_its_remaining_time_and_interval()
    {
        using FileDescriptor original = TimerFds.Create(CLOCK_MONOTONIC, 0);
        TimerFds.Set(original.Number, 0, 1000 * Second, 7 * Second + 5);

        using FileDescriptor restored = Survive(original);

        (long value, long interval) = TimerFds.Get(restored.Number);
        Assert.InRange(value, 990 * Second, 1000 * Second);
        Assert.Equal(7 * Second + 5, interval);
        Assert.Equal(0, ProcFields.Read($"/proc/self/fdinfo/{restored.Number}").Int64("ticks"));
    }

    [Fact]
    public void Unread_expirations_survive()
    {
        using FileDescriptor original = TimerFds.Create(CLOCK_MONOTONIC, 0);
        TimerFds.Set(original.Number, TimerFds.TFD_TIMER_ABSTIME, TimerFds.Now(CLOCK_MONOTONIC) - 50 * Second, 10 * Second);

        using FileDescriptor restored = Survive(original);

        byte[] ticks = new byte[8];
        Linux.Files.Read(restored.Number, ticks);
        Assert.Equal(6, BitConverter.ToInt64(ticks));
        Assert.InRange(TimerFds.Get(restored.Number).ValueNs, 1, 10 * Second);
    }

    [Fact]
    public void An_absolute_time_of_the_wall_clock_stays_that_time()
    {
        const int both = TimerFds.TFD_TIMER_ABSTIME | TimerFds.TFD_TIMER_CANCEL_ON_SET;
        using FileDescriptor original = TimerFds.Create(TimerFds.CLOCK_REALTIME, 0);
        long expires = TimerFds.Now(TimerFds.CLOCK_REALTIME) + 100 * Second;
        TimerFds.Set(original.Number, both, expires, 0);

        using FileDescriptor restored = Survive(original);

        Assert.InRange(TimerFds.Now(TimerFds.CLOCK_REALTIME) + TimerFds.Get(restored.Number).ValueNs - expires, -50_000_000, 50_000_000);
        Assert.Equal(both, ProcFields.Read($"/proc/self/fdinfo/{restored.Number}").Octal("settime flags"));
    }

    [Fact]
    public void A_timer_that_was_never_set_stays_silent()
    {
        using FileDescriptor original = TimerFds.Create(CLOCK_MONOTONIC, 0);

        using FileDescriptor restored = Survive(original);

        Assert.Equal((0, 0), TimerFds.Get(restored.Number));
    }

    private static FileDescriptor Survive(FileDescriptor original)
    {
        var dump = new TestDump();
        return TestRestore.Alone(new TimerFd(), dump, dump.Add(original));
    }
}
