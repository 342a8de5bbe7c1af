namespace ContainerGrains.Engine;

/// <summary>A kind of state that is read and set by calls made inside the process, and nothing else.</summary>
public abstract class AskedTaskResource<TRecord> : TaskResource<TRecord>, IAsksTask where TRecord : class
{
    /// <summary>What is asked in the dump.</summary>
    protected abstract IEnumerable<Question> Questions(TaskDump task);

    /// <summary>The record made of the answers, in the order of the questions; null when the process has none of it.</summary>
    protected abstract TRecord? Read(Answer[] answers, TaskDump task);

    /// <summary>
    /// Whether a restored process has this already: puppets inherit the state of the operation's thread, and a call that is not made costs
    /// nothing in the freeze.
    /// </summary>
    protected virtual bool IsInherited(TRecord record, RestoreContext context) => false;

    /// <summary>The calls that set it again.</summary>
    protected abstract void Give(TRecord record, CallList calls);

    IEnumerable<Question> IAsksTask.Questions(TaskDump task) => Questions(task);

    public sealed override TRecord? Dump(TaskDump task, DumpContext context) => Read(Interview.Of(this, task, context), task);

    public override void Restore(TRecord record, TaskRestore task, RestoreContext context)
    {
        if (IsInherited(record, context)) return;
        var calls = new CallList(task.Agent);
        Give(record, calls);
        calls.Run(Kind, $"process {task.VirtualPid}");
    }
}
