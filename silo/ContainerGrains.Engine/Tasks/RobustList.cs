using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Futexes that the kernel marks when their owner dies: get_robust_list(2).</summary>
public sealed class RobustList : ThreadResource<RobustList.Record>
{
    public sealed record Record(ulong Head);

    /// <summary>sizeof(struct robust_list_head), the only length that the kernel takes.</summary>
    private const int HeadBytes = 24;

    public override string Kind => "robust-list";
    public override RestoreStage Stage => RestoreStage.Threads;

    public override Record? Dump(ThreadDump thread, DumpContext context) => Scheduling.GetRobustList(thread.Tid).Value is var head and not 0 ? new Record(head) : null;

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context) =>
        thread.Agent.Call("set_robust_list", Syscall.set_robust_list, (long)record.Head, HeadBytes);
}
