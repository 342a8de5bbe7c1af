namespace ContainerGrains.Engine;

/// <summary>A kind of state that is read and set by calls made inside each thread, and nothing else.</summary>
public abstract class AskedThreadResource<TRecord> : ThreadResource<TRecord>, IAsksThread where TRecord : class
{
    /// <summary>What is asked in the dump.</summary>
    protected abstract IEnumerable<Question> Questions { get; }

    /// <summary>The record made of the answers, in the order of the questions; null when the thread has none of it.</summary>
    protected abstract TRecord? Read(Answer[] answers);

    /// <summary>
    /// Whether a restored process has this already: puppets inherit the state of the operation's thread, and a call that is not made costs
    /// nothing in the freeze.
    /// </summary>
    protected virtual bool IsInherited(TRecord record, RestoreContext context) => false;

    /// <summary>The calls that set it again.</summary>
    protected abstract void Give(TRecord record, CallList calls);

    IEnumerable<Question> IAsksThread.Questions(ThreadDump thread, DumpContext context) => Questions;

    public override TRecord? Dump(ThreadDump thread, DumpContext context) => Read(Interview.Of(this, thread, context));

    public override void Restore(TRecord record, ThreadRestore thread, RestoreContext context)
    {
        if (IsInherited(record, context)) return;
        var calls = new CallList(thread.Agent);
        Give(record, calls);
        calls.Run(Kind, $"thread {thread.VirtualTid}");
    }
}
