using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>pidfd_open(2): a process or thread of the container; its number outside is another one after a move.</summary>
public sealed class PidFd : FileResource<PidFd.Record>
{
    /// <param name="VirtualPid">Of the process; null when it has ended and nobody waits for it any more.</param>
    /// <param name="VirtualTid">Of the thread, for PIDFD_THREAD.</param>
    public sealed record Record(int? VirtualPid, int? VirtualTid);

    private const int PIDFD_THREAD = Linux.Files.O_EXCL;

    public override string Kind => "pidfd";

    public override bool Owns(OpenFile file) => file.Info.Has("Pid") && file.Link is "anon_inode:[pidfd]" || file.Link.StartsWith("pidfd:", StringComparison.Ordinal);

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => Find(file, context) is null
        ? ($"process {file.Info.Int32("Pid")} of the host is outside of the container", "close it, or start that process inside")
        : null;

    public override Record Dump(OpenFile file, DumpContext context) => Find(file, context)
        ?? throw new EngineException(EngineError.NotCarried, file.Stage(), "it refers to a process outside of the container; close it");

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        if (record.VirtualPid is not { } virtualPid) return OfEnded();
        TaskRestore task = context.Task(virtualPid) ?? throw new EngineException(EngineError.BadImage, file.Stage(), $"it refers to process {virtualPid}, which the image does not hold");
        if (record.VirtualTid is not { } virtualTid) return Open(task.Pid, 0);
        ThreadRestore thread = task.Threads.FirstOrDefault(t => t.VirtualTid == virtualTid)
            ?? throw new EngineException(EngineError.BadImage, file.Stage(), $"it refers to thread {virtualTid}, which the image does not hold");
        return Open(thread.Agent.Tid, PIDFD_THREAD);
    }

    private static Record? Find(OpenFile file, DumpContext context)
    {
        int pid = file.Info.Int32("Pid");
        bool isThread = (file.Flags & PIDFD_THREAD) != 0;
        if (pid == -1) return new Record(null, null);
        foreach (TaskDump task in context.Tasks)
        {
            if (task.Pid == pid) return new Record(task.VirtualPid, isThread ? task.VirtualPid : null);
            if (isThread && task.Threads.FirstOrDefault(t => t.Tid == pid) is { } thread) return new Record(task.VirtualPid, thread.VirtualTid);
        }
        return null;
    }

    private static FileDescriptor Open(int pid, int flags) => new(Kernel.Call("pidfd_open", Syscall.pidfd_open, pid, flags, pid: pid));

    private static FileDescriptor OfEnded()
    {
        Puppet shortLived = Puppet.Spawn();
        try
        {
            return Open(shortLived.Tid, 0);
        }
        finally
        {
            shortLived.Kill();
        }
    }
}
