using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>By how much the kernel may delay a thread's wake-ups to join them: PR_SET_TIMERSLACK(2const), /proc/PID/timerslack_ns. Real-time threads have none.</summary>
public sealed class TimerSlack : ThreadResource<TimerSlack.Record>
{
    public sealed record Record(long Nanoseconds);

    public override string Kind => "timer-slack";
    // After the scheduling policy, which changes it.
    public override RestoreStage Stage => RestoreStage.Outside;

    // 0 is a real-time thread's: asking for it would set the default.
    public override Record? Dump(ThreadDump thread, DumpContext context) =>
        (thread.Scheduling?.TimerSlackNs ?? Scheduling.GetTimerSlack(thread.Tid)) is var slack and not 0 ? new Record(slack) : null;

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context)
    {
        if (Scheduling.GetTimerSlack(thread.Agent.Tid) != record.Nanoseconds) Scheduling.SetTimerSlack(thread.Agent.Tid, record.Nanoseconds);
    }
}
