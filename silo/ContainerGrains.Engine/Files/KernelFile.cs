using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A file or directory of /proc, /sys or a cgroup: the new kernel's file of the same name. Numbers of processes in a path are virtual pids, which stay.</summary>
public sealed class KernelFile : FileResource<KernelFile.Record>
{
    public sealed record Record(string Path);

    public override string Kind => "kernel-file";

    public override bool Owns(OpenFile file) =>
        file.Stat.Type is FileStat.S_IFREG or FileStat.S_IFDIR && file.Link.StartsWith('/') && !file.IsPathOnly() && IsOnKernelFileSystem(file);

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => ContainerPath.Stat(context.Root, file.Link)?.Type == file.Stat.Type
        ? null
        : ("it is about a process that has ended, or the path is outside of the container", "close it");

    public override Record Dump(OpenFile file, DumpContext context) => Refuses(file, context) is { } refusal
        ? throw new EngineException(EngineError.NotCarried, file.Stage(), $"{refusal.Reason}; {refusal.Remedy}")
        : new Record(file.Link);

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => ContainerPath.Open(context, file, record.Path, ContainerPath.OpenFlags(file.Flags));

    internal static bool IsOnKernelFileSystem(OpenFile file) => FileSystems.TypeOf(file.Fd.Number)
        is FileSystems.PROC_SUPER_MAGIC or FileSystems.SYSFS_MAGIC or FileSystems.CGROUP_SUPER_MAGIC or FileSystems.CGROUP2_SUPER_MAGIC;
}
