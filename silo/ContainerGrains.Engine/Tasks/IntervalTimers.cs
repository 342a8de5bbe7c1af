using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The three interval timers of a process, with the time that remains: getitimer(2). alarm(2) is the first of them.</summary>
public sealed class IntervalTimers : TaskResource<IntervalTimers.Record>
{
    public sealed record Record(IReadOnlyList<Timer> Timers);

    /// <param name="Which">0 real, 1 virtual, 2 profiling.</param>
    public sealed record Timer(int Which, long IntervalSeconds, long IntervalMicroseconds, long ValueSeconds, long ValueMicroseconds);

    public const int Count = 3;

    public override string Kind => "interval-timers";
    public override RestoreStage Stage => RestoreStage.Last;

    public override Record? Dump(TaskDump task, DumpContext context)
    {
        var timers = new List<Timer>();
        IReadOnlyList<IntervalTimer> values = TimerSnapshot.Of(task, context).IntervalTimers;
        for (int which = 0; which < Count; which++)
        {
            IntervalTimer t = values[which];
            // An interval without a value: it has fired, and the kernel starts it anew when the signal, which is pending, is delivered.
            // Set again, it must be running: the next shot is a whole interval away.
            if (!t.IsArmed) t = t with { ValueSeconds = t.IntervalSeconds, ValueFraction = t.IntervalFraction };
            if (t.IsArmed) timers.Add(new Timer(which, t.IntervalSeconds, t.IntervalFraction, t.ValueSeconds, t.ValueFraction));
        }
        return timers.Count > 0 ? new Record(timers) : null;
    }

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        SignalQueue.Hold(task);
        var calls = new CallList(task.Agent);
        foreach (Timer t in record.Timers)
        {
            if (t.Which is < 0 or >= Count)
                throw new EngineException(EngineError.BadImage, $"restore: process {task.VirtualPid}, {Kind}", $"there is no interval timer {t.Which}; the image is damaged");
            calls.Add(Syscall.setitimer, t.Which, calls.Put(new IntervalTimer(t.IntervalSeconds, t.IntervalMicroseconds, t.ValueSeconds, t.ValueMicroseconds)), 0);
        }
        calls.Run(Kind, $"process {task.VirtualPid}");
    }
}
