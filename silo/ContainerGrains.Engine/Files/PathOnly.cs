using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A descriptor that only points at a path, of whatever type: O_PATH.</summary>
public sealed class PathOnly : FileResource<PathOnly.Record>
{
    /// <param name="Type">S_IF….</param>
    public sealed record Record(string Path, uint Type);

    public override string Kind => "path";

    public override bool Owns(OpenFile file) => file.IsPathOnly() && file.Link.StartsWith('/');

    // The kernel's own file systems give a path another inode now and then.
    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) =>
        ContainerPath.LeadsTo(context.Root, file.Link, file.Stat) || KernelFile.IsOnKernelFileSystem(file) && ContainerPath.Stat(context.Root, file.Link)?.Type == file.Stat.Type
            ? null
            : ("the path it points at has been removed, is hidden by another mount, or is outside of the container", "close it, or make it again before opening it");

    public override Record Dump(OpenFile file, DumpContext context) => Refuses(file, context) is { } refusal
        ? throw new EngineException(EngineError.NotCarried, file.Stage(), $"{refusal.Reason}; {refusal.Remedy}")
        : new Record(file.Link, file.Stat.Type);

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        int flags = file.Flags | Linux.Files.O_PATH | (record.Type == FileStat.S_IFLNK ? Linux.Files.O_NOFOLLOW : 0);
        FileDescriptor fd = ContainerPath.Open(context, file, record.Path, flags & (Linux.Files.O_PATH | Linux.Files.O_NOFOLLOW | Linux.Files.O_DIRECTORY));
        return Linux.Files.Stat(fd.Number, record.Path).Type == record.Type ? fd : throw file.Mismatch($"{record.Path} is of another type here");
    }
}
