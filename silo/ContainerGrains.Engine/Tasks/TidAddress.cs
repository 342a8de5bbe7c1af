using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The word that the kernel clears when a thread exits, for pthread_join(3): set_tid_address(2).</summary>
public sealed class TidAddress : AskedThreadResource<TidAddress.Record>
{
    public sealed record Record(ulong Address);

    public override string Kind => "tid-address";
    public override RestoreStage Stage => RestoreStage.Threads;

    protected override IEnumerable<Question> Questions => [Question.PrctlInto(Prctl.PR_GET_TID_ADDRESS, sizeof(ulong))];
    protected override Record? Read(Answer[] answers) => answers[0].As<ulong>("prctl(PR_GET_TID_ADDRESS)") is var address and not 0 ? new Record(address) : null;
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.set_tid_address, (long)record.Address);
}
