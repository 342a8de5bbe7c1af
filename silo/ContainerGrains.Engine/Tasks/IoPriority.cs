using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Class and level of a thread's disk access: ioprio_set(2).</summary>
public sealed class IoPriority : ThreadResource<IoPriority.Record>
{
    /// <param name="Value">Class in the upper bits, level below; 0 follows the nice value.</param>
    public sealed record Record(int Value);

    public override string Kind => "io-priority";
    public override RestoreStage Stage => RestoreStage.Threads;

    public override Record Dump(ThreadDump thread, DumpContext context) => new(Scheduling.GetIoPriority(thread.Tid));
    public override void Restore(Record record, ThreadRestore thread, RestoreContext context) => Scheduling.SetIoPriority(thread.Agent.Tid, record.Value);
}
