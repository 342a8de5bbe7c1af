using System.Text.Json;

namespace ContainerGrains.Engine;

/// <summary>When a task or thread resource is restored, within its process (kernel orders: docs/architecture.md).</summary>
public enum RestoreStage
{
    /// <summary>Main thread only, memory in place, before other threads exist (shared by threads created later: umask, personality …).</summary>
    Process,
    /// <summary>All threads exist; descriptors do not yet.</summary>
    Threads,
    /// <summary>Descriptors are in place.</summary>
    AfterFiles,
    /// <summary>Signal actions, pending signals.</summary>
    Signals,
    /// <summary>Credentials: privileges are gone afterwards.</summary>
    Credentials,
    /// <summary>What setuid clears (dumpable, pdeath_sig), and timers, which must not fire early.</summary>
    Last,
    /// <summary>The stub is gone: what the engine sets from outside, and would be in its own way before.</summary>
    Outside,
}

/// <summary>
/// A kind of state that a process has: record, dump and restore in one room. Stateless; one line in ResourceCatalog.
/// </summary>
public abstract class TaskResource
{
    /// <summary>Name of the record in the image, stable for ever: "signal-actions".</summary>
    public abstract string Kind { get; }
    public abstract RestoreStage Stage { get; }

    /// <summary>What cannot be carried, seen while the container runs: in /proc, or by a call inside of a thread; nothing is frozen.</summary>
    public virtual IEnumerable<CheckpointObstacle> Preflight(LiveTask task) => [];

    internal abstract JsonElement? DumpJson(TaskDump task, DumpContext context);
    internal abstract void RestoreJson(JsonElement record, TaskRestore task, RestoreContext context);
}

/// <summary>A <see cref="TaskResource"/> with a record of its own type.</summary>
public abstract class TaskResource<TRecord> : TaskResource where TRecord : class
{
    /// <summary>Null when the process has none of it.</summary>
    public abstract TRecord? Dump(TaskDump task, DumpContext context);
    public abstract void Restore(TRecord record, TaskRestore task, RestoreContext context);

    internal sealed override JsonElement? DumpJson(TaskDump task, DumpContext context) => RecordJson.Write(Dump(task, context));
    internal sealed override void RestoreJson(JsonElement record, TaskRestore task, RestoreContext context) => Restore(RecordJson.Read<TRecord>(record, Kind), task, context);
}

/// <summary>A kind of state that every thread has of its own.</summary>
public abstract class ThreadResource
{
    public abstract string Kind { get; }
    public abstract RestoreStage Stage { get; }
    internal abstract JsonElement? DumpJson(ThreadDump thread, DumpContext context);
    internal abstract void RestoreJson(JsonElement record, ThreadRestore thread, RestoreContext context);
}

/// <summary>A <see cref="ThreadResource"/> with a record of its own type.</summary>
public abstract class ThreadResource<TRecord> : ThreadResource where TRecord : class
{
    public abstract TRecord? Dump(ThreadDump thread, DumpContext context);
    public abstract void Restore(TRecord record, ThreadRestore thread, RestoreContext context);

    internal sealed override JsonElement? DumpJson(ThreadDump thread, DumpContext context) => RecordJson.Write(Dump(thread, context));
    internal sealed override void RestoreJson(JsonElement record, ThreadRestore thread, RestoreContext context) => Restore(RecordJson.Read<TRecord>(record, Kind), thread, context);
}

/// <summary>
/// A kind of open file: the first room of the catalog that <see cref="Owns"/> a description dumps it. Position, status flags and
/// owner of the description are kept by the engine for all kinds.
/// </summary>
public abstract class FileResource
{
    public abstract string Kind { get; }

    /// <summary>Whether this room is for the description; must also be answerable while the container runs.</summary>
    public abstract bool Owns(OpenFile file);

    /// <summary>Why this one cannot be carried, and what to do: asked before anything is frozen, and right after the freeze. Null: it can.</summary>
    public virtual (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => null;

    /// <summary>
    /// What stands in the way for a moment only, such as a queue that the program is about to empty: asked when <see cref="Refuses"/> is,
    /// and waited for. When it is met after the freeze the container runs on for a moment, and is frozen again.
    /// </summary>
    public virtual (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context) => null;

    /// <summary>Files are restored by this, lowest first, then by their numbers.</summary>
    public virtual int RestoreOrder => 0;

    internal abstract JsonElement DumpJson(OpenFile file, DumpContext context);
    internal abstract Linux.FileDescriptor RestoreJson(FileRecord file, RestoreContext context);
    internal abstract void FinishJson(FileRecord file, Linux.FileDescriptor fd, RestoreContext context);
}

/// <summary>A <see cref="FileResource"/> with a record of its own type.</summary>
public abstract class FileResource<TRecord> : FileResource where TRecord : class
{
    public abstract TRecord Dump(OpenFile file, DumpContext context);

    /// <summary>Makes the description again and returns our descriptor of it.</summary>
    /// <param name="file">Flags (O_…), position and number of the description.</param>
    public abstract Linux.FileDescriptor Restore(TRecord record, FileRecord file, RestoreContext context);

    /// <summary>Called when all descriptions exist and all processes have their descriptors: epoll interests, timers, locks.</summary>
    public virtual void Finish(TRecord record, FileRecord file, Linux.FileDescriptor fd, RestoreContext context) { }

    internal sealed override JsonElement DumpJson(OpenFile file, DumpContext context) => RecordJson.Write(Dump(file, context))!.Value;
    internal sealed override Linux.FileDescriptor RestoreJson(FileRecord file, RestoreContext context) => Restore(RecordJson.Read<TRecord>(file.Data, Kind), file, context);
    internal sealed override void FinishJson(FileRecord file, Linux.FileDescriptor fd, RestoreContext context) => Finish(RecordJson.Read<TRecord>(file.Data, Kind), file, fd, context);
}

/// <summary>A description in the image: what all kinds have, and the kind's own record.</summary>
/// <param name="Users">Which processes have it, as which numbers: (virtual pid, fd).</param>
public sealed record FileRecord(int Id, string Kind, int Flags, long Position, FileOwner? Owner, IReadOnlyList<DescriptorRecord> Users, JsonElement Data);

/// <summary>A place in a process's descriptor table.</summary>
public sealed record DescriptorRecord(int VirtualPid, int Number, bool CloseOnExec);

/// <summary>Who gets SIGIO of a description (F_SETOWN_EX: type 0 thread, 1 process, 2 group; virtual pid; F_SETSIG).</summary>
public sealed record FileOwner(int Type, int VirtualPid, int Signal);

/// <summary>A process that runs, for the preflight: /proc is read, and little more is done.</summary>
/// <param name="Pids">From the host inwards.</param>
public sealed record LiveTask(IReadOnlyList<int> Pids, Linux.ProcStat Stat, Linux.ProcFields Status)
{
    public int Pid => Pids[0];
    public int VirtualPid => Pids[^1];
    /// <summary>Stands while calls are made in the process; null: nobody would look for it.</summary>
    internal Mark? InHand { get; init; }
    internal Bystanders Bystanders { get => field ?? throw new InvalidOperationException("nobody stands by"); init; }
    public CheckpointObstacle Obstacle(string what, string reason, string remedy) => new(VirtualPid, Stat.Comm, what, reason, remedy);
}
