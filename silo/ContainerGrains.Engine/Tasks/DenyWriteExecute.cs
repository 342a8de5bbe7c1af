using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Refusal of memory that is writable and executable: PR_SET_MDWE(2const). It cannot be taken back and it forbids the engine's own
/// mappings, so it comes last.
/// </summary>
public sealed class DenyWriteExecute : AskedTaskResource<DenyWriteExecute.Record>
{
    public sealed record Record(int Flags);

    public override string Kind => "deny-write-execute";
    public override RestoreStage Stage => RestoreStage.Last;

    protected override IEnumerable<Question> Questions(TaskDump task) => [Question.Prctl(Prctl.PR_GET_MDWE)];
    // EINVAL: the kernel is older than 6.3, and no process has it.
    protected override Record? Read(Answer[] answers, TaskDump task) => answers[0].Result > 0 ? new Record((int)answers[0].Result) : null;
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_MDWE, record.Flags);
}
