using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Signals that wait for a process as a whole, with their siginfo: sigpending(2), rt_sigqueueinfo(2).</summary>
public sealed class PendingSignals : TaskResource<PendingSignals.Record>
{
    /// <param name="Signals">siginfo_t, 128 bytes each, in the order of their arrival.</param>
    public sealed record Record(IReadOnlyList<byte[]> Signals);

    public override string Kind => "pending-signals";
    public override RestoreStage Stage => RestoreStage.Signals;

    public override Record? Dump(TaskDump task, DumpContext context)
    {
        IReadOnlyList<byte[]> signals = TimerSnapshot.Of(task, context).SharedSignals;
        return signals.Count > 0 ? new Record([.. signals.Select(s => SignalQueue.Check(s, task.Title))]) : null;
    }

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        SignalQueue.Hold(task);
        SignalQueue.Send(task.Agent, record.Signals, $"process {task.VirtualPid}", Kind, (info, signal) =>
            new RemoteCall(Syscall.rt_sigqueueinfo, task.VirtualPid, signal, info));
    }
}
