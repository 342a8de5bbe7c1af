namespace ContainerGrains.Engine;

/// <summary>A state of a process that is never carried: the room only says so before anything is frozen.</summary>
public abstract class RefusedTaskState : TaskResource<RefusedTaskState.Record>
{
    public sealed record Record;

    public sealed override RestoreStage Stage => RestoreStage.Process;
    public abstract override IEnumerable<CheckpointObstacle> Preflight(LiveTask task);
    public override Record? Dump(TaskDump task, DumpContext context) => null;
    public sealed override void Restore(Record record, TaskRestore task, RestoreContext context) =>
        throw new EngineException(EngineError.BadImage, $"restore: process {task.VirtualPid}, {Kind}", "such a state is in no image; the image is damaged");
}
