using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>An end of a fifo(7): a pipe with a name. It is opened again without waiting for the other end.</summary>
public sealed class Fifo : FileResource<Fifo.Record>
{
    /// <param name="Inode">With <paramref name="Device"/>, which descriptions belong together.</param>
    /// <param name="Quiet">Nobody has written yet: a reader that has not seen end of file must not see it now.</param>
    public sealed record Record(ulong Device, ulong Inode, string Path, bool Quiet, PipeBuffer Buffer);

    public override string Kind => "fifo";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFIFO && file.Link.StartsWith('/') && !file.IsPathOnly();

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => ContainerPath.LeadsTo(context.Root, file.Link, file.Stat)
        ? null
        : ("its name has been removed, is hidden by another mount, or is outside of the container", "keep the name as long as the fifo is open");

    public override Record Dump(OpenFile file, DumpContext context)
    {
        if (Refuses(file, context) is { } refusal) throw new EngineException(EngineError.NotCarried, file.Stage(), $"{refusal.Reason}; {refusal.Remedy}");
        bool hasWriter = file.SameInode(context).Any(f => f.CanWrite() && !f.IsPathOnly());
        return new Record(file.Stat.st_dev, file.Stat.st_ino, file.Link, !hasWriter && !Pipes.OtherSideGone(file.Fd.Number),
            context.Once(("pipe", file.Stat.st_dev, file.Stat.st_ino), () => PipeBuffer.Dump(file, context)));
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        if (!record.Quiet) Keeper(record, file, context);
        return Open(record.Path, file.Flags & Linux.Files.O_ACCMODE, file, context);
    }

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        if (!record.Quiet) Keeper(record, file, context).Dispose();
    }

    // Both ends at once: it fills the fifo, and lets the others open theirs without waiting.
    private static FileDescriptor Keeper(Record record, FileRecord file, RestoreContext context) => context.Once(("fifo", record.Device, record.Inode), () =>
    {
        FileDescriptor keeper = Open(record.Path, Linux.Files.O_RDWR, file, context);
        if (Pipes.Unread(keeper.Number) > 0) throw file.Mismatch($"fifo {record.Path} is in use on this host; do not share its directory with another program");
        record.Buffer.Restore(keeper, file, context);
        return keeper;
    });

    private static FileDescriptor Open(string path, int access, FileRecord file, RestoreContext context)
    {
        FileDescriptor fd = ContainerPath.Open(context, file, path, access | Linux.Files.O_NONBLOCK);
        return Linux.Files.Stat(fd.Number, path).Type == FileStat.S_IFIFO ? fd : throw file.Mismatch($"{path} is no fifo here");
    }
}
