using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A thread's stack for signal handlers: sigaltstack(2).</summary>
public sealed class AlternateStack : AskedThreadResource<AlternateStack.Record>
{
    /// <param name="Flags">SS_DISABLE, SS_AUTODISARM.</param>
    public sealed record Record(ulong Address, ulong Size, int Flags);

    public override string Kind => "alternate-stack";
    public override RestoreStage Stage => RestoreStage.Threads;

    protected override IEnumerable<Question> Questions => [new Question(a => new RemoteCall(Syscall.sigaltstack, 0, a), SignalStack.SizeBytes)];

    // A puppet has none.
    protected override Record? Read(Answer[] answers)
    {
        SignalStack stack = answers[0].As<SignalStack>("sigaltstack");
        return (stack.Flags & SignalStack.SS_DISABLE) != 0 ? null : new Record(stack.Pointer, stack.Size, stack.Flags & ~SignalStack.SS_ONSTACK);
    }

    protected override void Give(Record record, CallList calls) =>
        calls.Add(Syscall.sigaltstack, calls.Put(new SignalStack { Pointer = record.Address, Flags = record.Flags, Size = record.Size }), 0);
}
