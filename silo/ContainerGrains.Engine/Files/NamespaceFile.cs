using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>An open namespace, /proc/PID/ns/NAME: namespaces(7). It becomes the same namespace of the same process.</summary>
public sealed class NamespaceFile : FileResource<NamespaceFile.Record>
{
    /// <param name="VirtualPid">A process that is in it.</param>
    /// <param name="Name">Its file below /proc/PID/ns.</param>
    public sealed record Record(int VirtualPid, string Name);

    private static readonly string[] Names = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"];

    public override string Kind => "namespace";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFREG && !file.Link.StartsWith('/') && FileSystems.TypeOf(file.Fd.Number) == FileSystems.NSFS_MAGIC;

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => Find(file, context) is null
        ? ("no process of the container is in that namespace", "close it")
        : null;

    public override Record Dump(OpenFile file, DumpContext context) => Find(file, context)
        ?? throw new EngineException(EngineError.NotCarried, file.Stage(), "no process of the container is in that namespace; close it");

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        if (!Names.Contains(record.Name)) throw new EngineException(EngineError.BadImage, file.Stage(), $"there is no namespace of kind '{record.Name}'");
        TaskRestore task = context.Task(record.VirtualPid) ?? throw new EngineException(EngineError.BadImage, file.Stage(), $"the namespace is that of process {record.VirtualPid}, which the image does not hold");
        return Linux.Files.Open($"/proc/{task.Pid}/ns/{record.Name}", Linux.Files.O_RDONLY);
    }

    private static Record? Find(OpenFile file, DumpContext context)
    {
        string kind = file.Link[..Math.Max(0, file.Link.IndexOf(':'))];
        foreach (TaskDump task in context.Tasks)
            foreach (string name in Names.Where(n => n == kind || n == kind + "_for_children"))
                if (Linux.Files.TryStat($"/proc/{task.Pid}/ns/{name}") is { } stat && stat.st_ino == file.Stat.st_ino && stat.st_dev == file.Stat.st_dev)
                    return new Record(task.VirtualPid, name);
        return null;
    }
}
