using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Whether a process adopts the orphans below it: PR_SET_CHILD_SUBREAPER(2const).</summary>
public sealed class ChildSubreaper : AskedTaskResource<ChildSubreaper.Record>
{
    public sealed record Record;

    public override string Kind => "child-subreaper";
    public override RestoreStage Stage => RestoreStage.Process;

    protected override IEnumerable<Question> Questions(TaskDump task) => [Question.PrctlInto(Prctl.PR_GET_CHILD_SUBREAPER, sizeof(int))];
    protected override Record? Read(Answer[] answers, TaskDump task) => answers[0].As<int>("prctl(PR_GET_CHILD_SUBREAPER)") != 0 ? new Record() : null;
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 1);
}
