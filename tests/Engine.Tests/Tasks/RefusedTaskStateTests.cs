namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class RefusedTaskStateTests
{
    [Fact]
    public void A_process_that_another_one_traces_is_refused_and_names_it()
    {
        // PTRACE_TRACEME by a child of its own would need exec; the parent attaches instead.
        using var process = new PythonProcess("""
            child = os.fork()
            if child == 0: time.sleep(60)
            libc.ptrace.argtypes = [ctypes.c_long] * 4
            assert libc.ptrace(0x4206, child, 0, 0x100000) == 0
            say(str(child))
            time.sleep(60)
            """);
        int child = int.Parse(process.Said());

        CheckpointObstacle obstacle = Assert.Single(new ForeignTracer().Preflight(Live(child)));

        Assert.Contains(process.Pid.ToString(), obstacle.Object);
        Assert.Empty(new ForeignTracer().Preflight(Live(process.Pid)));
    }

    [Fact]
    public void A_vfork_in_flight_is_refused()
    {
        // The child of vfork in python3 would run in the parent's frame; CLONE_VFORK without CLONE_VM waits just the same.
        using var process = new PythonProcess("""
            say('ready')
            if libc.syscall(ctypes.c_long(56), ctypes.c_long(0x4000 | 17), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0), ctypes.c_long(0)) == 0:
                signal.alarm(60); signal.pause()
            """);
        process.WaitUntilIn(Syscall.clone, state: 'D');

        Assert.Single(new VforkInFlight().Preflight(Live(process.Pid)));
    }

    [Fact]
    public void A_shadow_stack_is_refused()
    {
        var status = new ProcFields("status", "Name:\tx\nx86_Thread_features:\tshstk \n");
        var task = new LiveTask([1], ProcStat.Read(Environment.ProcessId), status);

        Assert.Single(new ShadowStack().Preflight(task));
        Assert.Empty(new ShadowStack().Preflight(task with { Status = new ProcFields("status", "Name:\tx\nx86_Thread_features:\t\n") }));
    }

    [Fact]
    public void An_ordinary_process_is_not_refused_by_any_room()
    {
        using var process = new PythonProcess("say('ready')\ntime.sleep(60)");
        process.Said();
        using var bystanders = new Bystanders(process.Pid);
        LiveTask task = Live(process.Pid) with { Bystanders = bystanders };

        Assert.Empty(ResourceCatalog.Tasks.SelectMany(room => room.Preflight(task)));
    }

    private static LiveTask Live(int pid) => new([pid], ProcStat.Read(pid), ProcFields.Read($"/proc/{pid}/status"));
}
