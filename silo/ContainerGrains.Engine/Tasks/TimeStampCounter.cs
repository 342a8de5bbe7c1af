using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Whether rdtsc raises SIGSEGV in a thread: PR_SET_TSC(2const).</summary>
public sealed class TimeStampCounter : AskedThreadResource<TimeStampCounter.Record>
{
    public sealed record Record(int Mode);

    private const int PR_TSC_ENABLE = 1;

    public override string Kind => "time-stamp-counter";
    public override RestoreStage Stage => RestoreStage.Last;

    protected override IEnumerable<Question> Questions => [Question.PrctlInto(Prctl.PR_GET_TSC, sizeof(int))];
    protected override Record? Read(Answer[] answers) => answers[0].As<int>("prctl(PR_GET_TSC)") is var mode and not PR_TSC_ENABLE ? new Record(mode) : null;
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_TSC, record.Mode);
}
