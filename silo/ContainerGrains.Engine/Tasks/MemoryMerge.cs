using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Whether all of a process's memory is offered to kernel same-page merging: PR_SET_MEMORY_MERGE(2const).</summary>
public sealed class MemoryMerge : AskedTaskResource<MemoryMerge.Record>
{
    public sealed record Record;

    public override string Kind => "memory-merge";
    public override RestoreStage Stage => RestoreStage.Process;

    protected override IEnumerable<Question> Questions(TaskDump task) => [Question.Prctl(Prctl.PR_GET_MEMORY_MERGE)];
    // EINVAL: a kernel without KSM, where no process has it.
    protected override Record? Read(Answer[] answers, TaskDump task) => answers[0].Result > 0 ? new Record() : null;
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_MEMORY_MERGE, 1);

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        try
        {
            base.Restore(record, task, context);
        }
        catch (EngineException e) when (e.InnerException is LinuxException { Errno: Errno.EINVAL })
        {
            context.Warnings.Add($"process {task.VirtualPid}: its memory is not merged with others'; this kernel has no KSM");
        }
    }
}
