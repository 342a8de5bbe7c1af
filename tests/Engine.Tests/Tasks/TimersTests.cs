namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class TimersTests
{
    private const int SIGRTMIN = 34, CLOCK_MONOTONIC = 1, CLOCK_PROCESS_CPUTIME_ID = 2, SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD_ID = 4;

    [Fact]
    public void Interval_timers_go_on_with_the_time_that_remained()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("setitimer", Syscall.setitimer, 0, puppets.Source.Put(new IntervalTimer(7, 500, 100, 0)), 0);
        puppets.Source.Call("setitimer", Syscall.setitimer, 2, puppets.Source.Put(new IntervalTimer(0, 0, 50, 0)), 0);

        puppets.Survive(new IntervalTimers());

        IntervalTimer real = Get(puppets.Target, Syscall.getitimer, 0), profiling = Get(puppets.Target, Syscall.getitimer, 2);
        Assert.Equal((7, 500), (real.IntervalSeconds, real.IntervalFraction));
        Assert.InRange(real.ValueSeconds, 90, 99);
        Assert.InRange(profiling.ValueSeconds, 45, 50);
        Assert.False(Get(puppets.Target, Syscall.getitimer, 1).IsArmed);
    }

    [Fact]
    public void Posix_timers_keep_ids_events_and_remaining_times()
    {
        using var puppets = new TwoPuppets();
        int first = Create(puppets.Source, CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 0x1234_5678_9abc, 0);
        int deleted = Create(puppets.Source, CLOCK_MONOTONIC, SIGEV_NONE, 0, 0, 0);
        int third = Create(puppets.Source, CLOCK_PROCESS_CPUTIME_ID, SIGEV_THREAD_ID, SIGRTMIN + 1, 5, puppets.Source.Tid);
        puppets.Source.Call("timer_delete", Syscall.timer_delete, deleted);
        puppets.Source.Call("timer_settime", Syscall.timer_settime, first, 0, puppets.Source.Put(new IntervalTimer(3, 7, 100, 0)), 0);
        string before = Timers(puppets.Source);

        PosixTimers.Record record = puppets.Survive(new PosixTimers())!;

        Assert.Equal([(first, 0), (third, puppets.Target.Tid)], record.Timers.Select(t => (t.Id, t.VirtualTid)));
        Assert.Equal(before, Timers(puppets.Target).Replace($".{puppets.Target.Tid}\n", $".{puppets.Source.Tid}\n"));
        IntervalTimer running = Get(puppets.Target, Syscall.timer_gettime, first);
        Assert.Equal((3, 7), (running.IntervalSeconds, running.IntervalFraction));
        Assert.InRange(running.ValueSeconds, 90, 99);
        Assert.False(Get(puppets.Target, Syscall.timer_gettime, third).IsArmed);
    }

    [Fact]
    public void An_expired_timer_s_signal_is_carried_once_and_the_timer_is_not_armed_again()
    {
        using var puppets = new TwoPuppets();
        Ptrace.SetSignalMask(puppets.Source.Tid, ~Signals.Bit(Signals.SIGTRAP));
        puppets.Source.Call("setitimer", Syscall.setitimer, 0, puppets.Source.Put(new IntervalTimer(0, 0, 0, 1)), 0);
        Assert.True(SpinWait.SpinUntil(() => Ptrace.PeekSignals(puppets.Source.Tid, shared: true).Count > 0, TimeSpan.FromSeconds(5)));

        Assert.Null(puppets.Survive(new IntervalTimers()));
        puppets.Survive(new PendingSignals());

        Assert.Equal(Signals.SIGALRM, Assert.Single(Ptrace.PeekSignals(puppets.Target.Tid, shared: true))[0]);
    }

    [Fact]
    public void Proc_timers_are_read()
    {
        const string text = "ID: 0\nsignal: 60/00007fff86e452a8\nnotify: signal/pid.2634\nClockID: 0\nID: 7\nsignal: 0/0000000000000000\nnotify: none/tid.12\nClockID: -6\n";

        Assert.Equal([new ProcTimer(0, 60, 0x7fff86e452a8, 0, 2634, 0), new ProcTimer(7, 0, 0, 5, 12, -6)], ProcTimer.Parse(text));
    }

    private static string Timers(Puppet puppet) => Files.ReadText($"/proc/{puppet.Tid}/timers");

    private static IntervalTimer Get(Puppet puppet, int call, int timer)
    {
        RemoteAddress answer = puppet.Put(default(IntervalTimer));
        puppet.Call("get timer", call, timer, answer);
        return RemoteMemory.Read<IntervalTimer>(puppet.Tid, answer);
    }

    private static int Create(Puppet puppet, int clock, int notify, int signal, ulong value, int tid)
    {
        ulong[] words = new ulong[8];
        words[0] = value;
        words[1] = (uint)signal | (ulong)notify << 32;
        words[2] = (uint)tid;
        RemoteAddress id = puppet.Put(-1);
        puppet.Call("timer_create", Syscall.timer_create, clock, puppet.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(words)), id);
        return RemoteMemory.Read<int>(puppet.Tid, id);
    }
}
