using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Policy, priority, nice value, deadline, reset-on-fork, time slice and utilisation clamps of a thread: sched_setattr(2), sched(7).</summary>
public sealed class SchedulingPolicy : ThreadResource<SchedulingPolicy.Record>
{
    /// <param name="RuntimeNs">Of a deadline thread its budget; of an ordinary one its own time slice, 0 for the host's.</param>
    public sealed record Record(uint Policy, ulong Flags, int Nice, uint Priority, ulong RuntimeNs, ulong DeadlineNs, ulong PeriodNs, uint UtilMin, uint UtilMax);

    private const ulong KeptFlags = SchedAttr.SCHED_FLAG_RESET_ON_FORK | SchedAttr.SCHED_FLAG_RECLAIM | SchedAttr.SCHED_FLAG_DL_OVERRUN;
    /// <summary>util_max of a thread without a clamp (SCHED_CAPACITY_SCALE).</summary>
    private const uint FullCapacity = 1024;

    public override string Kind => "scheduling-policy";
    // Until then it is the engine's (Urgency).
    public override RestoreStage Stage => RestoreStage.Outside;

    public override Record Dump(ThreadDump thread, DumpContext context)
    {
        SchedAttr a = ToSet(thread.Scheduling?.Attr ?? Scheduling.GetAttr(thread.Tid));
        return new Record(a.Policy, a.Flags & KeptFlags, a.Nice, a.Priority, a.Runtime, a.Deadline, a.Period, a.UtilMin, a.UtilMax);
    }

    /// <summary>What the kernel tells of a thread, as it is set again.</summary>
    internal static SchedAttr ToSet(SchedAttr told)
    {
        // It tells every ordinary thread's slice; only one that differs from that of our main thread was asked for.
        bool ordinary = told.Policy is SchedAttr.SCHED_OTHER or SchedAttr.SCHED_BATCH or SchedAttr.SCHED_IDLE;
        if (ordinary && told.Runtime == Scheduling.GetAttr(Environment.ProcessId).Runtime) told.Runtime = 0;
        bool clamped = told.UtilMin != 0 || told.UtilMax is not 0 and not FullCapacity;
        told.Flags = told.Flags & KeptFlags | (clamped ? SchedAttr.SCHED_FLAG_UTIL_CLAMP_MIN | SchedAttr.SCHED_FLAG_UTIL_CLAMP_MAX : 0);
        if (!clamped) (told.UtilMin, told.UtilMax) = (0, 0);
        return told;
    }

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context)
    {
        try
        {
            Scheduling.SetAttr(thread.Agent.Tid, ToSet(new SchedAttr
            {
                Policy = record.Policy, Nice = record.Nice, Priority = record.Priority, Runtime = record.RuntimeNs, Deadline = record.DeadlineNs, Period = record.PeriodNs,
                Flags = record.Flags, UtilMin = record.UtilMin, UtilMax = record.UtilMax,
            }));
        }
        catch (LinuxException e)
        {
            throw new EngineException(EngineError.FeatureMissing, $"restore: thread {thread.VirtualTid}, {Kind}",
                $"policy {record.Policy} with priority {record.Priority} and nice {record.Nice} cannot be given here ({Errno.Name(e.Errno)}); check the silo's CAP_SYS_NICE and the cgroup's real-time budget", e);
        }
    }
}
