namespace ContainerGrains.Engine;

/// <summary>A room that asks a process's main thread; <see cref="Interview"/> gathers what all rooms ask.</summary>
internal interface IAsksTask
{
    IEnumerable<Question> Questions(TaskDump task);
}
