namespace ContainerGrains.Engine.Tests.TaskRooms;

/// <summary>
/// A python3 program makes a call that lasts 400 ms; 200 ms later it is frozen for 100 ms. The program itself measures what it sees.
/// The registers for a restored thread are tried on the thread itself, whose restart block they do not use.
/// </summary>
public sealed class SyscallRestartTests
{
    private const int EAGAIN = 11, EINTR = 4, ETIMEDOUT = 110, SIGUSR1 = 10;
    private const double AskedSeconds = 0.4, BeforeSeconds = 0.2, FrozenSeconds = 0.1;
    /// <summary>The clocks of the scheduler are read to some 100 µs.</summary>
    private const double TooShortSeconds = 0.003;
    /// <summary>Less than what a call that began anew would last longer.</summary>
    private const double TooLongSeconds = 0.15;

    private const string Pollfd = "r, w = os.pipe()\nfds = mem(struct.pack('ihh', r, 1, 0))\n";
    private const string Epoll = "r, w = os.pipe()\ne = select.epoll()\ne.register(r, select.EPOLLIN)\nevents = mem(bytes(64))\n";
    private const string BlockUsr1 = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\nset = mem(struct.pack('Q', 1 << 9))\n";
    private const string HandleUsr1 = "signal.signal(signal.SIGUSR1, lambda s, f: None)\nsignal.siginterrupt(signal.SIGUSR1, True)\n";

    public static TheoryData<string, int, string, long, int> Waits => new()
    {
        { "nanosleep", Syscall.nanosleep, "call(35, ts(0.4), 0)", 0, 0 },
        { "nanosleep with a place for the rest", Syscall.nanosleep, "call(35, ts(0.4), ts(0))", 0, 0 },
        { "clock_nanosleep", Syscall.clock_nanosleep, "call(230, 1, 0, ts(0.4), 0)", 0, 0 },
        { "clock_nanosleep with a place for the rest", Syscall.clock_nanosleep, "call(230, 0, 0, ts(0.4), ts(0))", 0, 0 },
        { "poll", Syscall.poll, Pollfd + "call(7, fds, 1, 400)", 0, 0 },
        { "ppoll", Syscall.ppoll, Pollfd + "call(271, fds, 1, ts(0.4), 0, 8)", 0, 0 },
        { "select", Syscall.select, "call(23, 0, 0, 0, 0, mem(struct.pack('qq', 0, 400000)))", 0, 0 },
        { "pselect6", Syscall.pselect6, "call(270, 0, 0, 0, 0, ts(0.4), 0)", 0, 0 },
        { "futex", Syscall.futex, "call(202, mem(bytes(4)), 128, 0, ts(0.4), 0, 0)", -1, ETIMEDOUT },
        { "epoll_wait", Syscall.epoll_wait, Epoll + "call(232, e.fileno(), events, 4, 400)", 0, 0 },
        { "epoll_pwait", Syscall.epoll_pwait, Epoll + "call(281, e.fileno(), events, 4, 400, 0, 8)", 0, 0 },
        { "epoll_pwait2", Syscall.epoll_pwait2, Epoll + "call(441, e.fileno(), events, 4, ts(0.4), 0, 8)", 0, 0 },
        { "rt_sigtimedwait", Syscall.rt_sigtimedwait, BlockUsr1 + "call(128, set, 0, ts(0.4), 8)", -1, EAGAIN },
        { "semtimedop", Syscall.semtimedop, "s = libc.semget(0, 1, 0o1600)\nlibc.semctl(s, 0, 16, 0)\nop = mem(struct.pack('Hhh', 0, -1, 0))\n"
            + "threading.Thread(target=lambda: (time.sleep(3), libc.semctl(s, 0, 0))).start()\ncall(220, s, op, 1, ts(0.4))\nlibc.semctl(s, 0, 0)", -1, EAGAIN },
    };

    [Theory]
    [MemberData(nameof(Waits))]
    public void A_restored_thread_waits_for_the_time_that_remained(string name, int syscall, string program, long result, int errno)
    {
        _ = name;
        using var process = new PythonProcess(program);
        int tid = process.WaitUntilIn(syscall);

        Freeze(process.Pid, tid, thread => thread.Regs);

        (long gotResult, int gotErrno, double seconds) = process.Outcome();
        Assert.Equal((result, errno), (gotResult, gotErrno));
        Assert.InRange(seconds, AskedSeconds + FrozenSeconds - TooShortSeconds, AskedSeconds + FrozenSeconds + TooLongSeconds);
    }

    [Theory]
    [MemberData(nameof(Waits))]
    public void A_thread_that_thaws_where_it_was_sees_nothing(string name, int syscall, string program, long result, int errno)
    {
        _ = name;
        using var process = new PythonProcess(program);
        int tid = process.WaitUntilIn(syscall);

        Freeze(process.Pid, tid, thread => thread.ResumeRegs);

        (long gotResult, int gotErrno, double seconds) = process.Outcome();
        Assert.Equal((result, errno), (gotResult, gotErrno));
        Assert.InRange(seconds, AskedSeconds - TooShortSeconds, AskedSeconds + FrozenSeconds + TooLongSeconds);
    }

    [Fact]
    public void A_wait_of_unknown_length_goes_on_by_the_kernel_s_restart_block_where_it_thaws()
    {
        using var process = new PythonProcess("call(35, ts(0.4), 0)");
        int tid = process.WaitUntilIn(Syscall.nanosleep);

        Freeze(process.Pid, tid, thread => thread.ResumeRegs, observe: false);

        (long result, int errno, double seconds) = process.Outcome();
        Assert.Equal((0, 0), (result, errno));
        Assert.InRange(seconds, AskedSeconds - TooShortSeconds, AskedSeconds + TooLongSeconds);
    }

    [Theory]
    [MemberData(nameof(Waits))]
    public void Ten_freezes_in_a_row_neither_shorten_nor_end_a_wait(string name, int syscall, string program, long result, int errno)
    {
        _ = name;
        using var process = new PythonProcess(program);
        int tid = process.WaitUntilIn(syscall);

        const double frozenSeconds = 0.02;
        for (int i = 0; i < 5; i++)
        {
            Freeze(process.Pid, tid, thread => thread.Regs, beforeSeconds: 0.02, frozenSeconds);
            Freeze(process.Pid, tid, thread => thread.ResumeRegs, beforeSeconds: 0.02, frozenSeconds);
        }

        (long gotResult, int gotErrno, double seconds) = process.Outcome();
        Assert.Equal((result, errno), (gotResult, gotErrno));
        Assert.InRange(seconds, AskedSeconds + 10 * (frozenSeconds - TooShortSeconds), AskedSeconds + 10 * frozenSeconds + TooLongSeconds);
    }

    [Theory]
    [InlineData(Syscall.nanosleep, "call(35, ts(0.4), 0)", 0, 0)]
    [InlineData(Syscall.clock_nanosleep, "call(230, 1, 0, ts(0.4), 0)", 0, 0)]
    [InlineData(Syscall.poll, Pollfd + "call(7, fds, 1, 400)", 0, 0)]
    [InlineData(Syscall.futex, "call(202, mem(bytes(4)), 128, 0, ts(0.4), 0, 0)", -1, ETIMEDOUT)]
    public void A_call_that_had_been_stopped_before_is_recognised(int syscall, string program, long result, int errno)
    {
        using var process = new PythonProcess(program);
        int tid = process.WaitUntilIn(syscall);
        Freeze(process.Pid, tid, thread => thread.RawRegs, beforeSeconds: 0.01, frozenSeconds: 0.01);
        Assert.Equal(tid, process.WaitUntilIn(Syscall.restart_syscall));

        Freeze(process.Pid, tid, thread => thread.Regs, beforeSeconds: 0.1, frozenSeconds: 0.1);

        (long gotResult, int gotErrno, double seconds) = process.Outcome();
        Assert.Equal((result, errno), (gotResult, gotErrno));
        Assert.InRange(seconds, AskedSeconds + 0.1 - TooShortSeconds, AskedSeconds + 0.1 + TooLongSeconds);
    }

    [Fact]
    public void A_moment_in_time_stays_the_same_moment()
    {
        using var process = new PythonProcess("call(202, mem(bytes(4)), 9 | 128, 0, ts(time.monotonic() + 0.4), 0, 0xffffffff)");
        int tid = process.WaitUntilIn(Syscall.futex);

        Freeze(process.Pid, tid, thread => thread.Regs, beforeSeconds: 0.05, frozenSeconds: 0.25);

        (long result, int errno, double seconds) = process.Outcome();
        Assert.Equal((-1, ETIMEDOUT), (result, errno));
        Assert.InRange(seconds, AskedSeconds - TooShortSeconds, AskedSeconds + TooLongSeconds);
    }

    [Theory]
    [InlineData(Syscall.epoll_wait, Epoll + "call(232, e.fileno(), events, 4, -1)")]
    [InlineData(Syscall.poll, Pollfd + "call(7, fds, 1, -1)")]
    [InlineData(Syscall.pause, "call(34)")]
    [InlineData(Syscall.read, "r, w = os.pipe()\ncall(0, r, events_at, 1)", "events_at = mem(bytes(8))\n")]
    public void A_signal_that_comes_while_frozen_is_handled_and_ends_the_call(int syscall, string program, string before = "")
    {
        using var process = new PythonProcess(HandleUsr1 + before + program);
        int tid = process.WaitUntilIn(syscall);

        Freeze(process.Pid, tid, thread => thread.Regs, beforeSeconds: 0.01, frozenSeconds: 0.01, whileFrozen: () => process.Signal(SIGUSR1));

        Assert.Equal((-1, EINTR), process.Outcome() is var o ? (o.Result, o.Errno) : default);
    }

    [Theory]
    [InlineData(Syscall.epoll_wait, Epoll + "threading.Timer(0.5, lambda: os.write(w, b'x')).start()\ncall(232, e.fileno(), events, 4, -1)", 1)]
    [InlineData(Syscall.rt_sigtimedwait, BlockUsr1 + "threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()\ncall(128, set, 0, 0, 8)", SIGUSR1)]
    [InlineData(Syscall.recvfrom, "a, b = socket.socketpair()\na.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 5, 0))\n"
        + "buffer = mem(bytes(8))\nthreading.Timer(0.5, lambda: b.send(b'xyz')).start()\ncall(45, a.fileno(), buffer, 8, 0, 0, 0)", 3)]
    public void An_event_after_the_freeze_is_seen_and_no_EINTR_before_it(int syscall, string program, long result)
    {
        using var process = new PythonProcess(program);
        int tid = process.WaitUntilIn(syscall);

        Freeze(process.Pid, tid, thread => thread.Regs, beforeSeconds: 0.05, frozenSeconds: 0.05);

        Assert.Equal((result, 0), process.Outcome() is var o ? (o.Result, o.Errno) : default);
    }

    [Fact]
    public void Without_a_look_before_the_freeze_the_wait_begins_anew_but_is_never_too_short()
    {
        using var process = new PythonProcess(Epoll + "call(232, e.fileno(), events, 4, 400)");
        int tid = process.WaitUntilIn(Syscall.epoll_wait);

        Freeze(process.Pid, tid, thread => thread.Regs, observe: false);

        (long result, int errno, double seconds) = process.Outcome();
        Assert.Equal((0, 0), (result, errno));
        Assert.True(seconds >= AskedSeconds + FrozenSeconds - TooShortSeconds);
    }

    [Fact]
    public void A_thread_that_ran_since_it_was_looked_at_is_not_cut_short()
    {
        // It sleeps several times: the look sees another sleep than the freeze.
        using var process = new PythonProcess("for i in range(4): libc.syscall(ctypes.c_long(7), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(150))\ncall(35, ts(0.4), 0)");
        int tid = process.WaitUntilIn(Syscall.poll);
        SleepSample sample = new SleepClock().Observe(process.Pid, tid)!.Value;
        process.WaitUntilIn(Syscall.nanosleep);

        Freeze(process.Pid, tid, thread => { thread.Sleep = sample; SyscallRestart.Prepare(thread, Clocks.MonotonicNs()); return thread.Regs; }, beforeSeconds: 0.1, frozenSeconds: 0.05);

        (long result, int errno, double seconds) = process.Outcome();
        Assert.Equal((0, 0), (result, errno));
        Assert.True(seconds >= AskedSeconds - TooShortSeconds, $"{seconds}");
    }

    [Fact]
    public void A_running_thread_keeps_its_registers()
    {
        using var process = new PythonProcess("say('1')\nwhile True: pass");
        process.Said();
        Tracee tracee = Tracee.Seize(process.Pid);
        tracee.Interrupt();
        tracee.WaitForStop();
        Regs raw = tracee.Regs;
        ThreadDump thread = ThreadOf(process.Pid, tracee);

        SyscallRestart.Prepare(thread, Clocks.MonotonicNs());

        if ((long)raw.orig_rax < 0) Assert.Equal((raw, raw), (thread.Regs, thread.ResumeRegs));
    }

    /// <summary>Freezes a thread as a checkpoint does, and lets it go on with the chosen registers.</summary>
    private static void Freeze(
        int pid, int tid, Func<ThreadDump, Regs> choose, double beforeSeconds = BeforeSeconds, double frozenSeconds = FrozenSeconds, Action? whileFrozen = null, bool observe = true)
    {
        // Not a wait for something: time that is to pass.
        Thread.Sleep(TimeSpan.FromSeconds(beforeSeconds));
        SleepSample? sample = observe ? new SleepClock().Observe(pid, tid) : null;
        Tracee tracee = Tracee.Seize(tid);
        tracee.Interrupt();
        tracee.WaitForStopOrThrow("interrupt");
        long frozenAtNs = Clocks.MonotonicNs();
        ThreadDump thread = ThreadOf(pid, tracee);
        thread.Sleep = sample;
        SyscallRestart.Prepare(thread, frozenAtNs);
        whileFrozen?.Invoke();
        Thread.Sleep(TimeSpan.FromSeconds(frozenSeconds));
        tracee.Regs = choose(thread);
        tracee.Detach();
    }

    private static ThreadDump ThreadOf(int pid, Tracee tracee)
    {
        var task = new TaskDump([pid], ProcStat.Read(pid), ProcFields.Read($"/proc/{pid}/status"));
        return new ThreadDump(task, tracee, tracee.Tid, tracee.Regs);
    }
}
