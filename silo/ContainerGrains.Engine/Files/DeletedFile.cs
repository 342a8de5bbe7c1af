using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A file that is open but has no name any more: unlink(2), O_TMPFILE. Its contents travel in the image; it is made anew in the
/// directory where it was, and unlinked again.
/// </summary>
public sealed class DeletedFile : FileResource<DeletedFile.Record>
{
    /// <param name="Inode">With <paramref name="Device"/>, which descriptions and mappings are the same file.</param>
    /// <param name="Path">Where it was.</param>
    public sealed record Record(ulong Device, ulong Inode, string Path, InodeAttributes Attributes, FileContent? Content, IReadOnlyList<FileLock> Locks);

    private const string Deleted = " (deleted)";

    public override string Kind => "deleted";

    public override bool Owns(OpenFile file) =>
        file.Stat.Type == FileStat.S_IFREG && file.Link.StartsWith('/') && !file.IsPathOnly() && (file.Stat.st_nlink == 0 || IsDeletedFromLower(file));

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => FileContent.TooLarge(file, context) ?? FileLocks.Refuses(file, context);

    public override Record Dump(OpenFile file, DumpContext context) => new(file.Stat.st_dev, file.Stat.st_ino,
        file.Link.EndsWith(Deleted, StringComparison.Ordinal) ? file.Link[..^Deleted.Length] : file.Link, InodeAttributes.Of(file.Stat),
        FileContent.Dump(file, context), FileLocks.Dump(file, context));

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => ContainerPath.Reopen(Inode(record, file, context), ContainerPath.OpenFlags(file.Flags));

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        FileLocks.Restore(record.Locks, file, fd, context);
        context.Once(("finished", record.Device, record.Inode), () =>
        {
            using FileDescriptor inode = Inode(record, file, context);
            record.Attributes.Apply(inode);
            return inode;
        });
    }

    private static FileDescriptor Inode(Record record, FileRecord file, RestoreContext context) => SharedInode.Of(context, record.Device, record.Inode, () =>
    {
        FileDescriptor fd = Create(record.Path, file, context);
        (record.Content ?? throw new EngineException(EngineError.BadImage, file.Stage(), "neither the memory nor the file holds its contents")).Restore(fd, file, context);
        return fd;
    });

    // In its own directory, or, when that is gone or read-only, in the nearest that will have it.
    private static FileDescriptor Create(string path, FileRecord file, RestoreContext context)
    {
        string parent = Parent(path);
        for (string directory = parent; ; directory = Parent(directory))
        {
            // O_TMPFILE's own names start with '#'; those files may still get a name one day, by linkat.
            string name = path[(path.LastIndexOf('/') + 1)..];
            if (TryCreate(context.Root, directory, directory == parent && !name.StartsWith('#') ? name : null) is { } fd) return fd;
            if (directory == "/") break;
        }
        return TryCreate(context.Root, "/tmp", null) ?? TryCreate(context.Root, "/dev/shm", null)
            ?? throw new EngineException(EngineError.DiskFull, file.Stage(), $"no directory of the container will have the deleted file {path}; make one of its parents, or /tmp, writable");
    }

    private static FileDescriptor? TryCreate(FileDescriptor root, string directory, string? name)
    {
        const int access = Linux.Files.O_RDWR;
        long opened = Linux.Files.TryOpenInRoot(root, directory, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);
        if (opened < 0) return null;
        using var fd = new FileDescriptor(opened);
        FileStat before = Linux.Files.Stat(fd.Number, directory);
        long created = -1;
        if (name is not null)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            created = DirectoryCalls.TryOpenBeneath(fd.Number, bytes, access | Linux.Files.O_CREAT | Linux.Files.O_EXCL, 0x180);
            if (created >= 0) Result.Check(DirectoryCalls.TryUnlink(fd.Number, bytes), "unlinkat", path: name);
        }
        if (created < 0) created = DirectoryCalls.TryOpenBeneath(fd.Number, "."u8, access | Linux.Files.O_TMPFILE, 0x180);
        if (created < 0) return null;
        // Nobody is to see that the directory was written to.
        InodeAttributes times = InodeAttributes.Of(before);
        _ = DirectoryCalls.TrySetTimes(fd.Number, [], times.AtimeNs, times.MtimeNs);
        return new FileDescriptor(created);
    }

    // Overlay keeps the link count of a file of the read-only layers when it is removed.
    private static bool IsDeletedFromLower(OpenFile file)
    {
        if (!file.Link.EndsWith(Deleted, StringComparison.Ordinal) || file.CanWrite() || FileSystems.TypeOf(file.Fd.Number) != FileSystems.OVERLAYFS_SUPER_MAGIC) return false;
        using FileDescriptor root = Linux.Files.Open($"/proc/{file.Owner.Pid}/root", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        return !ContainerPath.LeadsTo(root, file.Link, file.Stat) && HardLinks.FindIn(root, Parent(file.Link), file.Stat) is null;
    }

    private static string Parent(string path) => path[..Math.Max(1, path.LastIndexOf('/'))];
}
