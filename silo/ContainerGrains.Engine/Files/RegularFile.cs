using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A file with a name: open(2). It is opened again by its path; inode numbers change in a move, so that it is the same file is
/// told by size and time of modification (the upper directory arrives with both unchanged).
/// </summary>
public sealed class RegularFile : FileResource<RegularFile.Record>
{
    /// <param name="MtimeNs">Last modification, nanoseconds since 1970.</param>
    public sealed record Record(string Path, long Size, long MtimeNs, IReadOnlyList<FileLock> Locks);

    public override string Kind => "regular";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFREG && file.Stat.st_nlink > 0 && file.Link.StartsWith('/') && !file.IsPathOnly() && FileSystems.TypeOf(file.Fd.Number) != FileSystems.MQUEUE_MAGIC;

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => NameOf(file, context) is null
        ? ("no name inside of the container leads to this file: it was opened outside, another mount hides it, or it was renamed and its other name is in another directory",
           "close it, or keep it open under a name that exists")
        : FileLocks.Refuses(file, context);

    public override Record Dump(OpenFile file, DumpContext context)
    {
        string path = NameOf(file, context) ?? throw new EngineException(EngineError.NotCarried, file.Stage(), "no name inside of the container leads to this file; close it");
        return new Record(path, file.Stat.st_size, Mtime(file.Stat), FileLocks.Dump(file, context));
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        FileDescriptor fd = ContainerPath.Open(context, file, record.Path, ContainerPath.OpenFlags(file.Flags));
        FileStat stat = Linux.Files.Stat(fd.Number, record.Path);
        if (stat.Type != FileStat.S_IFREG) throw file.Mismatch($"{record.Path} is not a regular file here");
        if (stat.st_size != record.Size || Mtime(stat) != record.MtimeNs)
            throw file.Mismatch($"{record.Path} is another file here (size {stat.st_size} instead of {record.Size}, or another time of modification); the same root file system and volumes must be on this host");
        return fd;
    }

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context) => FileLocks.Restore(record.Locks, file, fd, context);

    private static long Mtime(FileStat stat) => stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec;

    // A program that made its file safe by link(new, final), unlink(new) has it open under the name that is gone.
    private static string? NameOf(OpenFile file, DumpContext context)
    {
        const string deleted = " (deleted)";
        if (ContainerPath.LeadsTo(context.Root, file.Link, file.Stat)) return file.Link;
        if (!file.Link.EndsWith(deleted, StringComparison.Ordinal)) return null;
        string directory = file.Link[..Math.Max(1, file.Link.LastIndexOf('/'))];
        return HardLinks.FindIn(context.Root, directory, file.Stat);
    }
}
