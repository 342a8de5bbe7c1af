using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Signal that a thread gets when its parent dies: PR_SET_PDEATHSIG(2const). The change of ids clears it, so it comes after. A
/// process whose parent is the silo loses it: the kernel means the parent's thread, and that of a restore ends soon.
/// </summary>
public sealed class ParentDeathSignal : AskedThreadResource<ParentDeathSignal.Record>
{
    public sealed record Record(int Signal);

    public override string Kind => "parent-death-signal";
    public override RestoreStage Stage => RestoreStage.Last;

    protected override IEnumerable<Question> Questions => [Question.PrctlInto(Prctl.PR_GET_PDEATHSIG, sizeof(int))];
    public override Record? Dump(ThreadDump thread, DumpContext context) => context.VirtualPid(thread.Task.Stat.ParentPid) is null ? null : base.Dump(thread, context);

    protected override Record? Read(Answer[] answers) => answers[0].As<int>("prctl(PR_GET_PDEATHSIG)") is var signal and not 0 ? new Record(signal) : null;
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.prctl, Prctl.PR_SET_PDEATHSIG, record.Signal);
}
