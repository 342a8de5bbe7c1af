using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// An open directory. A position in the middle of a listing is a number of the file system's own making: on another host the
/// listing may go on with some names twice or left out, as after any change of the directory.
/// </summary>
public sealed class OpenDirectory : FileResource<OpenDirectory.Record>
{
    public sealed record Record(string Path, IReadOnlyList<FileLock> Locks);

    public override string Kind => "directory";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFDIR && file.Link.StartsWith('/') && !file.IsPathOnly();

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => ContainerPath.LeadsTo(context.Root, file.Link, file.Stat)
        ? FileLocks.Refuses(file, context)
        : ("the directory has been removed, is hidden by another mount, or is outside of the container", "close it, or make it again before opening it");

    public override Record Dump(OpenFile file, DumpContext context) => Refuses(file, context) is { } refusal
        ? throw new EngineException(EngineError.NotCarried, file.Stage(), $"{refusal.Reason}; {refusal.Remedy}")
        : new Record(file.Link, FileLocks.Dump(file, context));

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        FileDescriptor fd = ContainerPath.Open(context, file, record.Path, ContainerPath.OpenFlags(file.Flags));
        return Linux.Files.Stat(fd.Number, record.Path).Type == FileStat.S_IFDIR ? fd : throw file.Mismatch($"{record.Path} is no directory here");
    }

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context) => FileLocks.Restore(record.Locks, file, fd, context);
}
