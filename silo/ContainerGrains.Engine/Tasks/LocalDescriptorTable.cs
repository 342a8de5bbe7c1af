using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Segments of a process's own: modify_ldt(2), as Wine and DOSEMU use them. Not carried: one that has any is refused.</summary>
public sealed class LocalDescriptorTable : AskedTaskResource<LocalDescriptorTable.Record>
{
    public sealed record Record;

    private const int ReadLdt = 0, EntryBytes = 16;

    public override string Kind => "local-descriptor-table";
    public override RestoreStage Stage => RestoreStage.Process;

    protected override IEnumerable<Question> Questions(TaskDump task) => [new Question(a => new RemoteCall(Syscall.modify_ldt, ReadLdt, a, EntryBytes), EntryBytes)];

    protected override Record? Read(Answer[] answers, TaskDump task) => answers[0].Result > 0
        ? throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}", "it has segments of its own (modify_ldt), as Wine has, which are not carried")
        : null;

    protected override void Give(Record record, CallList calls) => throw new EngineException(EngineError.BadImage, "restore: local-descriptor-table", "such a state is in no image; the image is damaged");
}
