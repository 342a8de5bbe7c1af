using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Mode bits that new files do not get: umask(2).</summary>
public sealed class Umask : TaskResource<Umask.Record>
{
    public sealed record Record(int Mask);

    public override string Kind => "umask";
    public override RestoreStage Stage => RestoreStage.Process;

    public override Record Dump(TaskDump task, DumpContext context) => new(task.Status.Octal("Umask"));

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        if (record.Mask != context.PuppetStatus.Octal("Umask")) task.Agent.Call("umask", Syscall.umask, record.Mask);
    }
}
