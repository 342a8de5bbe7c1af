using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Signals that wait for one thread (tgkill(2), synchronous faults, SIGEV_THREAD_ID), with their siginfo: rt_tgsigqueueinfo(2).</summary>
public sealed class PendingThreadSignals : ThreadResource<PendingThreadSignals.Record>
{
    /// <param name="Signals">siginfo_t, 128 bytes each, in the order of their arrival.</param>
    public sealed record Record(IReadOnlyList<byte[]> Signals);

    public override string Kind => "pending-thread-signals";
    public override RestoreStage Stage => RestoreStage.Signals;

    public override Record? Dump(ThreadDump thread, DumpContext context)
    {
        IReadOnlyList<byte[]> signals = TimerSnapshot.Of(thread.Task, context).OwnSignals[thread];
        return signals.Count > 0 ? new Record([.. signals.Select(s => SignalQueue.Check(s, $"{thread.Task.Title}, thread {thread.VirtualTid}"))]) : null;
    }

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context)
    {
        SignalQueue.Hold(thread.Task);
        SignalQueue.Send(thread.Agent, record.Signals, $"thread {thread.VirtualTid}", Kind, (info, signal) =>
            new RemoteCall(Syscall.rt_tgsigqueueinfo, thread.Task.VirtualPid, thread.VirtualTid, signal, info));
    }
}
