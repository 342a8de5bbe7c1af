using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Whether a process has switched off transparent huge pages: PR_SET_THP_DISABLE(2const).</summary>
public sealed class TransparentHugePages : AskedTaskResource<TransparentHugePages.Record>
{
    /// <param name="Flags">PR_THP_DISABLE_EXCEPT_ADVISED and the like, as the kernel gave them.</param>
    public sealed record Record(bool Disabled, int Flags);

    public override string Kind => "transparent-huge-pages";
    public override RestoreStage Stage => RestoreStage.Process;

    protected override IEnumerable<Question> Questions(TaskDump task) => [Question.Prctl(Prctl.PR_GET_THP_DISABLE)];

    protected override Record Read(Answer[] answers, TaskDump task)
    {
        int value = (int)answers[0].Value("prctl(PR_GET_THP_DISABLE)");
        return new Record((value & 1) != 0, value & ~1);
    }

    protected override bool IsInherited(Record record, RestoreContext context) => !record.Disabled && Kernel.Raw(Syscall.prctl, Prctl.PR_GET_THP_DISABLE) == 0;

    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_THP_DISABLE, record.Disabled ? 1 : 0, record.Disabled ? record.Flags : 0);
}
