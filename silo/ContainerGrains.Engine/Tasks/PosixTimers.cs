using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Timers of timer_create(2), with their ids and the time that remains. The count of overruns of the last signal
/// (timer_getoverrun(2)) starts again at 0.
/// </summary>
public sealed class PosixTimers : TaskResource<PosixTimers.Record>
{
    public sealed record Record(IReadOnlyList<Timer> Timers);

    /// <param name="Clock">clockid_t as the program gave it; negative ones are CPU-time clocks.</param>
    /// <param name="Notify">sigev_notify.</param>
    /// <param name="VirtualTid">Thread that gets the signal with SIGEV_THREAD_ID, else 0.</param>
    public sealed record Timer(int Id, int Clock, int Notify, int Signal, ulong Value, int VirtualTid, long IntervalNs, long ValueNs);

    private const int SigEventBytes = 64;
    /// <summary>Clock of the thread that made the timer; which one that was is not to be seen (CPUCLOCK_PERTHREAD_MASK).</summary>
    private const int PerThreadClock = 4;
    /// <summary>Without PR_TIMER_CREATE_RESTORE_IDS ids are reached by counting up; further than this is refused.</summary>
    private const int MostIdsToCount = 100_000;

    public override string Kind => "posix-timers";
    public override RestoreStage Stage => RestoreStage.Last;

    public override Record? Dump(TaskDump task, DumpContext context)
    {
        IReadOnlyList<ProcTimer> timers = ProcTimer.Of(task, context);
        if (timers.Count == 0) return null;
        IReadOnlyList<IntervalTimer> values = TimerSnapshot.Of(task, context).PosixTimers;
        var records = new List<Timer>(timers.Count);
        for (int i = 0; i < timers.Count; i++)
        {
            ProcTimer t = timers[i];
            if (t.Clock < 0 && (t.Clock & PerThreadClock) != 0 && task.Threads.Count > 1)
                throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}, timer {t.Id}", "it counts the CPU time of one of several threads, and the kernel does not tell of which");
            IntervalTimer v = values[i];
            records.Add(new Timer(t.Id, t.Clock, t.Notify, t.Signal, t.Value, (t.Notify & ProcTimer.SIGEV_THREAD_ID) != 0 ? VirtualTid(t, task) : 0,
                new TimeSpec(v.IntervalSeconds, v.IntervalFraction).TotalNanoseconds, new TimeSpec(v.ValueSeconds, v.ValueFraction).TotalNanoseconds));
        }
        return new Record(records);
    }

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        SignalQueue.Hold(task);
        Puppet agent = task.Agent;
        bool exact = agent.TryCall(Syscall.prctl, Prctl.PR_TIMER_CREATE_RESTORE_IDS, Prctl.PR_TIMER_CREATE_RESTORE_IDS_ON) == 0;
        foreach (Timer t in record.Timers.OrderBy(t => t.Id))
            Create(t, agent, exact, $"restore: process {task.VirtualPid}, timer {t.Id}");
        if (exact) agent.Call("prctl(PR_TIMER_CREATE_RESTORE_IDS)", Syscall.prctl, Prctl.PR_TIMER_CREATE_RESTORE_IDS, Prctl.PR_TIMER_CREATE_RESTORE_IDS_OFF);

        var calls = new CallList(agent);
        foreach (Timer t in record.Timers.Where(t => t.ValueNs != 0))
        {
            TimeSpec interval = TimeSpec.FromNanoseconds(t.IntervalNs), value = TimeSpec.FromNanoseconds(t.ValueNs);
            calls.Add(Syscall.timer_settime, t.Id, 0, calls.Put(new IntervalTimer(interval.Seconds, interval.Nanoseconds, value.Seconds, value.Nanoseconds)), 0);
        }
        calls.Run(Kind, $"process {task.VirtualPid}");
    }

    private static void Create(Timer timer, Puppet agent, bool exact, string stage)
    {
        if (timer.Id < 0) throw new EngineException(EngineError.BadImage, stage, "no timer has such an id; the image is damaged");
        agent.ResetScratch();
        RemoteAddress sigevent = agent.Put(Layout(timer)), id = agent.Put(timer.Id);
        for (int i = 0; i <= MostIdsToCount; i++)
        {
            agent.Call("timer_create", Syscall.timer_create, timer.Clock, sigevent, id);
            int got = RemoteMemory.Read<int>(agent.Tid, id);
            if (got == timer.Id) return;
            agent.Call("timer_delete", Syscall.timer_delete, got);
            if (exact || got > timer.Id) break;
        }
        throw new EngineException(EngineError.FeatureMissing, stage, "this kernel does not give that id again; restore on Linux 6.16 or newer");
    }

    /// <summary>struct sigevent.</summary>
    private static byte[] Layout(Timer timer)
    {
        byte[] sigevent = new byte[SigEventBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(sigevent, timer.Value);
        BinaryPrimitives.WriteInt32LittleEndian(sigevent.AsSpan(8), timer.Signal);
        BinaryPrimitives.WriteInt32LittleEndian(sigevent.AsSpan(12), timer.Notify);
        BinaryPrimitives.WriteInt32LittleEndian(sigevent.AsSpan(16), timer.VirtualTid);
        return sigevent;
    }

    private static int VirtualTid(ProcTimer timer, TaskDump task) =>
        task.Threads.FirstOrDefault(t => t.Tid == timer.RealTid)?.VirtualTid
            ?? throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}, timer {timer.Id}", "the thread that it signals has exited; delete the timer");
}
