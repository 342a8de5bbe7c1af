using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Whether a process may be core-dumped and traced by its user: PR_SET_DUMPABLE(2const). The change of ids clears it, so it comes after.</summary>
public sealed class Dumpable : AskedTaskResource<Dumpable.Record>
{
    /// <param name="Value">0 or 1; 2 (root's dumps only) cannot be asked for and becomes 0, which allows less.</param>
    public sealed record Record(int Value);

    public override string Kind => "dumpable";
    public override RestoreStage Stage => RestoreStage.Last;

    protected override IEnumerable<Question> Questions(TaskDump task) => [Question.Prctl(Prctl.PR_GET_DUMPABLE)];
    protected override Record Read(Answer[] answers, TaskDump task) => new((int)answers[0].Value("prctl(PR_GET_DUMPABLE)"));
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_DUMPABLE, record.Value == 1 ? 1 : 0);
}
