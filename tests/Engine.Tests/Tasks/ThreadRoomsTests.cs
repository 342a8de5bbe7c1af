namespace ContainerGrains.Engine.Tests.TaskRooms;

/// <summary>What every thread has of its own: each test has a main thread and a further one that differ.</summary>
public sealed class ThreadRoomsTests : IDisposable
{
    private readonly TwoPuppets _puppets = new();
    private readonly Puppet _source, _target;

    public ThreadRoomsTests() => (_source, _target) = _puppets.AddThread();

    public void Dispose() => _puppets.Dispose();

    [Theory]
    [InlineData("worker (7) x")]
    [InlineData("\u00ff\u00fe\u0001")]
    [InlineData("")]
    public void Names_are_kept_byte_by_byte(string name)
    {
        byte[] bytes = new byte[16];
        System.Text.Encoding.Latin1.GetBytes(name, bytes);
        _source.Call("prctl", Syscall.prctl, Prctl.PR_SET_NAME, _source.Put(bytes));

        _puppets.Survive(new ThreadName());

        Assert.Equal(Files.ReadAll($"/proc/{_source.Tid}/comm"), Files.ReadAll($"/proc/{_target.Tid}/comm"));
        Assert.Equal(Files.ReadAll($"/proc/{_puppets.Source.Tid}/comm"), Files.ReadAll($"/proc/{_puppets.Target.Tid}/comm"));
    }

    [Fact]
    public void Alternate_stacks_are_kept()
    {
        _source.Call("sigaltstack", Syscall.sigaltstack, _source.Put(new SignalStack { Pointer = 0x700000, Size = 0x8000, Flags = SignalStack.SS_AUTODISARM }), 0);

        Assert.Null(_puppets.Survive(new AlternateStack())[0]);

        SignalStack own = StackOf(_target);
        Assert.Equal((0x700000ul, 0x8000ul, SignalStack.SS_AUTODISARM), (own.Pointer, own.Size, own.Flags));
        Assert.Equal(SignalStack.SS_DISABLE, StackOf(_puppets.Target).Flags);
    }

    [Fact]
    public void Tid_addresses_and_robust_lists_are_kept()
    {
        _source.Call("set_tid_address", Syscall.set_tid_address, 0x123450);
        _source.Call("set_robust_list", Syscall.set_robust_list, 0x234560, 24);

        Assert.Null(_puppets.Survive(new TidAddress())[0]);
        Assert.Null(_puppets.Survive(new RobustList())[0]);

        RemoteAddress answer = _target.Put(0ul);
        _target.Call("prctl", Syscall.prctl, Prctl.PR_GET_TID_ADDRESS, answer);
        Assert.Equal(0x123450ul, RemoteMemory.Read<ulong>(_target.Tid, answer));
        Assert.Equal(0x234560ul, Scheduling.GetRobustList(_target.Tid).Value);
    }

    [Fact]
    public void Rseq_areas_are_registered_again()
    {
        RemoteAddress area = _source.StubAddress + (Stub.Size - 4096); // mapped in both
        _source.Call("rseq", Syscall.rseq, area, 32, 0, 0x53053053);

        Assert.Null(_puppets.Survive(new Rseq())[0]);

        Assert.Equal(Ptrace.GetRseq(_source.Tid), Ptrace.GetRseq(_target.Tid));
        Assert.Equal(area.Value, Ptrace.GetRseq(_target.Tid).Pointer);
    }

    [Theory]
    [InlineData(0x1000, 0x9000)] // first instruction of the section
    [InlineData(0x10ff, 0x9000)]
    [InlineData(0x1100, 0x1100)] // past its commit
    [InlineData(0x0fff, 0x0fff)]
    public void A_thread_in_a_critical_section_goes_on_at_its_abort_handler(ulong rip, ulong expected)
    {
        RemoteAddress area = _source.StubAddress + (Stub.Size - 4096), section = area + 64;
        _source.Call("rseq", Syscall.rseq, area, 32, 0, 0x53053053);
        RemoteMemory.Write(_source.Tid, section, new RseqCriticalSection { StartIp = 0x1000, PostCommitOffset = 0x100, AbortIp = 0x9000 });
        RemoteMemory.Write(_source.Tid, area + 8, section.Value);

        Assert.Equal(expected, Rseq.LeaveCriticalSection(_source.Tid, new Regs { rip = rip }).rip);
    }

    [Fact]
    public void Timer_slack_and_parent_death_signal_are_kept()
    {
        _source.Call("prctl", Syscall.prctl, Prctl.PR_SET_TIMERSLACK, 123456);
        _source.Call("prctl", Syscall.prctl, Prctl.PR_SET_PDEATHSIG, 12);

        _puppets.Survive(new TimerSlack());
        Assert.Null(_puppets.Survive(new ParentDeathSignal())[0]);

        Assert.Equal(123456, _target.Call("prctl", Syscall.prctl, Prctl.PR_GET_TIMERSLACK));
        Assert.Equal(50000, _puppets.Target.Call("prctl", Syscall.prctl, Prctl.PR_GET_TIMERSLACK));
        RemoteAddress answer = _target.Put(0L);
        _target.Call("prctl", Syscall.prctl, Prctl.PR_GET_PDEATHSIG, answer);
        Assert.Equal(12, RemoteMemory.Read<int>(_target.Tid, answer));
    }

    [Fact]
    public void A_parent_outside_the_container_is_not_waited_for()
    {
        _source.Call("prctl", Syscall.prctl, Prctl.PR_SET_PDEATHSIG, 12);
        (TaskDump task, DumpContext context) = _puppets.Freeze();
        context.Tasks.RemoveAll(t => t != task);

        Assert.Null(new ParentDeathSignal().Dump(task.Threads[1], context));
    }

    [Fact]
    public void Nice_reset_on_fork_and_slice_are_kept()
    {
        Scheduling.SetAttr(_source.Tid, new SchedAttr { Policy = SchedAttr.SCHED_BATCH, Nice = 7, Flags = SchedAttr.SCHED_FLAG_RESET_ON_FORK, Runtime = 5_000_000 });

        _puppets.Survive(new SchedulingPolicy());

        Assert.Equal(Scheduling.GetAttr(_source.Tid), Scheduling.GetAttr(_target.Tid));
        Assert.Equal((SchedAttr.SCHED_BATCH, 7), (Scheduling.GetAttr(_target.Tid).Policy, Scheduling.GetAttr(_target.Tid).Nice));
        Assert.Equal(SchedAttr.SCHED_OTHER, Scheduling.GetAttr(_puppets.Target.Tid).Policy);
    }

    [Theory]
    [InlineData(SchedAttr.SCHED_FIFO, 10)]
    [InlineData(SchedAttr.SCHED_RR, 99)]
    public void Real_time_policies_are_kept(uint policy, uint priority)
    {
        try
        {
            Scheduling.SetAttr(_source.Tid, new SchedAttr { Policy = policy, Priority = priority });
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            Assert.Skip("no real-time scheduling here");
        }

        _puppets.Survive(new SchedulingPolicy());

        Assert.Equal((policy, priority), (Scheduling.GetAttr(_target.Tid).Policy, Scheduling.GetAttr(_target.Tid).Priority));
    }

    [Fact]
    public void A_deadline_is_kept()
    {
        try
        {
            Scheduling.SetAttr(_source.Tid, new SchedAttr { Policy = SchedAttr.SCHED_DEADLINE, Runtime = 1_000_000, Deadline = 50_000_000, Period = 100_000_000 });
        }
        catch (LinuxException e) when (e.Errno is Errno.EPERM or Errno.EBUSY)
        {
            Assert.Skip("no deadline scheduling here");
        }

        _puppets.Survive(new SchedulingPolicy());

        Assert.Equal((SchedAttr.SCHED_DEADLINE, 1_000_000ul, 50_000_000ul, 100_000_000ul), Scheduling.GetAttr(_target.Tid) is var a ? (a.Policy, a.Runtime, a.Deadline, a.Period) : default);
    }

    [Fact]
    public void An_affinity_is_kept_and_all_CPUs_stay_all()
    {
        Scheduling.SetAffinity(_source.Tid, [1]);

        IReadOnlyList<Affinity.Record?> records = _puppets.Survive(new Affinity());

        Assert.Equal([0], records[1]!.Cpus!);
        Assert.Equal([1], Scheduling.GetAffinity(_target.Tid));
        Assert.Equal(Scheduling.GetAffinity(_puppets.Source.Tid), Scheduling.GetAffinity(_puppets.Target.Tid));
    }

    [Fact]
    public void CPUs_that_this_host_does_not_have_are_left_out()
    {
        (TaskRestore restored, RestoreContext context) = _puppets.Restored();

        new Affinity().Restore(new Affinity.Record([0, 4000]), restored.Threads[1], context);
        Assert.Equal([1], Scheduling.GetAffinity(_target.Tid));
        Assert.Empty(context.Warnings);

        new Affinity().Restore(new Affinity.Record([4000]), restored.Threads[1], context);
        Assert.Equal(Scheduling.GetAffinity(_puppets.Target.Tid), Scheduling.GetAffinity(_target.Tid));
        Assert.Contains("4000", Assert.Single(context.Warnings));
    }

    [Fact]
    public void Io_priority_is_kept()
    {
        const int IOPRIO_CLASS_BE_7 = 2 << 13 | 7;
        Scheduling.SetIoPriority(_source.Tid, IOPRIO_CLASS_BE_7);

        _puppets.Survive(new IoPriority());

        Assert.Equal(IOPRIO_CLASS_BE_7, Scheduling.GetIoPriority(_target.Tid));
        Assert.Equal(Scheduling.GetIoPriority(_puppets.Source.Tid), Scheduling.GetIoPriority(_puppets.Target.Tid));
    }

    [Fact]
    public void A_memory_policy_is_kept()
    {
        const int MPOL_BIND = 2, MPOL_F_STATIC_NODES = 1 << 15;
        if (_source.TryCall(Syscall.set_mempolicy, MPOL_BIND | MPOL_F_STATIC_NODES, _source.Put(1ul), 65) == -Errno.ENOSYS) Assert.Skip("a kernel without NUMA");

        Assert.Null(_puppets.Survive(new MemoryPolicy())[0]);

        RemoteAddress answer = _target.Put(new byte[136]);
        _target.Call("get_mempolicy", Syscall.get_mempolicy, answer, answer + 8, 1024, 0, 0);
        Assert.Equal(MPOL_BIND | MPOL_F_STATIC_NODES, RemoteMemory.Read<int>(_target.Tid, answer));
        Assert.Equal(1ul, RemoteMemory.Read<ulong>(_target.Tid, answer + 8));
    }

    [Fact]
    public void A_node_that_this_host_does_not_have_is_named()
    {
        (TaskRestore restored, RestoreContext context) = _puppets.Restored();
        byte[] nodes = new byte[128];
        nodes[100] = 1;

        new MemoryPolicy().Restore(new MemoryPolicy.Record(2, nodes), restored.Threads[1], context);

        Assert.Contains("NUMA", Assert.Single(context.Warnings));
    }

    [Fact]
    public void A_forbidden_time_stamp_counter_stays_forbidden()
    {
        const int PR_TSC_SIGSEGV = 2;
        _source.Call("prctl", Syscall.prctl, Prctl.PR_SET_TSC, PR_TSC_SIGSEGV);

        Assert.Null(_puppets.Survive(new TimeStampCounter())[0]);

        RemoteAddress answer = _target.Put(0L);
        _target.Call("prctl", Syscall.prctl, Prctl.PR_GET_TSC, answer);
        Assert.Equal(PR_TSC_SIGSEGV, RemoteMemory.Read<int>(_target.Tid, answer));
    }

    private static SignalStack StackOf(Puppet puppet)
    {
        RemoteAddress answer = puppet.Put(default(SignalStack));
        puppet.Call("sigaltstack", Syscall.sigaltstack, 0, answer);
        return RemoteMemory.Read<SignalStack>(puppet.Tid, answer);
    }
}
