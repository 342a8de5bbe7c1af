using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A freeze has some dozens of stops, and each is a turn of the processor: on a busy host each would wait for one. So as long as a
/// container stands still, its threads, the puppets that become them, and the thread that works on them come before ordinary ones:
/// SCHED_FIFO (sched(7)). No instruction of a program runs that way: it gets its own scheduling back before it goes on. Where the
/// kernel does not allow it (a v1 cpu group without real-time budget), all stays as it is.
/// </summary>
public static class Urgency
{
    // The engine goes on as soon as it is called, whatever the thread that called it would still do.
    private const uint ContainerPriority = 1, EnginePriority = 2;

    /// <summary>How a thread is scheduled without urgency. The kernel forgets the timer slack of a thread that becomes a real-time one.</summary>
    public sealed record Before(SchedAttr Attr, long TimerSlackNs);

    /// <summary>The calling thread, until the result is disposed, by the same thread.</summary>
    public static IDisposable OfThisThread() => new Hold(Raise(0, EnginePriority, SchedAttr.SCHED_FLAG_RESET_ON_FORK));

    /// <summary>A thread that stands still.</summary>
    /// <returns>For <see cref="Lower"/>; null when it stays as it is.</returns>
    public static Before? OfStanding(int tid)
    {
        long slack = Scheduling.GetTimerSlack(tid);
        return Raise(tid, ContainerPriority, 0) is { } attr ? new Before(attr, slack) : null;
    }

    /// <summary>Back to what it was.</summary>
    public static void Lower(int tid, Before before)
    {
        Scheduling.SetAttr(tid, SchedulingPolicy.ToSet(before.Attr));
        if (Scheduling.GetTimerSlack(tid) != before.TimerSlackNs) Scheduling.SetTimerSlack(tid, before.TimerSlackNs);
    }

    /// <summary>
    /// Of a thread that an engine which is no more has left urgent: it is an ordinary one again, with its nice value. No program of a
    /// container has the right to such a priority of its own.
    /// </summary>
    public static void Forget(int pid, int tid)
    {
        try
        {
            SchedAttr attr = Scheduling.GetAttr(tid);
            if (attr.Policy == SchedAttr.SCHED_FIFO && attr.Priority == ContainerPriority)
                Scheduling.SetAttr(tid, new SchedAttr { Policy = SchedAttr.SCHED_OTHER, Nice = ProcStat.Read(pid, tid).Nice, Flags = attr.Flags & SchedAttr.SCHED_FLAG_RESET_ON_FORK });
        }
        catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.ENOENT)
        {
            // It has ended.
        }
    }

    // Threads that the runtime makes meanwhile would keep it for ever, hence the flag; puppets are to inherit it.
    private static SchedAttr? Raise(int tid, uint priority, ulong flags)
    {
        SchedAttr before = Scheduling.GetAttr(tid);
        // Who has asked for something of its own keeps it.
        if (before.Policy is not (SchedAttr.SCHED_OTHER or SchedAttr.SCHED_BATCH or SchedAttr.SCHED_IDLE)) return null;
        return Scheduling.TrySetAttr(tid, new SchedAttr { Policy = SchedAttr.SCHED_FIFO, Priority = priority, Flags = flags | before.Flags & SchedAttr.SCHED_FLAG_RESET_ON_FORK }) ? before : null;
    }

    private sealed class Hold(SchedAttr? before) : IDisposable
    {
        private SchedAttr? _before = before;

        public void Dispose()
        {
            if (_before is { } attr) Scheduling.SetAttr(0, SchedulingPolicy.ToSet(attr));
            _before = null;
        }
    }
}
