namespace ContainerGrains.Engine;

/// <summary>A room that asks every thread; <see cref="Interview"/> gathers what all rooms ask.</summary>
internal interface IAsksThread
{
    IEnumerable<Question> Questions(ThreadDump thread, DumpContext context);
}
