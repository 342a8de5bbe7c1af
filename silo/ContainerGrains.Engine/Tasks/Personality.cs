using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Execution domain, ADDR_NO_RANDOMIZE for example: personality(2). Threads inherit the main thread's.</summary>
public sealed class Personality : AskedTaskResource<Personality.Record>
{
    public sealed record Record(uint Value);

    public override string Kind => "personality";
    public override RestoreStage Stage => RestoreStage.Process;

    protected override IEnumerable<Question> Questions(TaskDump task) => [Question.Of(Syscall.personality, uint.MaxValue)];
    protected override Record Read(Answer[] answers, TaskDump task) => new((uint)answers[0].Value("personality"));
    protected override bool IsInherited(Record record, RestoreContext context) => record.Value == (uint)Kernel.Raw(Syscall.personality, uint.MaxValue);
    protected override void Give(Record record, CallList calls) => calls.Add(Syscall.personality, record.Value);
}
