using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>memfd_create(2): an anonymous file with a name for show, and seals.</summary>
public sealed class Memfd : FileResource<Memfd.Record>
{
    /// <param name="Inode">With <paramref name="Device"/>, which descriptions and mappings are the same file.</param>
    /// <param name="Seals">F_SEAL_….</param>
    public sealed record Record(ulong Device, ulong Inode, string Name, int Seals, InodeAttributes Attributes, FileContent? Content, IReadOnlyList<FileLock> Locks);

    private const string Prefix = "/memfd:", Deleted = " (deleted)";

    public override string Kind => "memfd";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFREG && file.Stat.st_nlink == 0 && file.Link.StartsWith(Prefix, StringComparison.Ordinal) && !file.IsPathOnly();

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => FileSystems.TypeOf(file.Fd.Number) == FileSystems.HUGETLBFS_MAGIC
        ? ("a memfd of huge pages is not carried yet", "create it without MFD_HUGETLB")
        : FileContent.TooLarge(file, context) ?? FileLocks.Refuses(file, context);

    public override Record Dump(OpenFile file, DumpContext context) => new(file.Stat.st_dev, file.Stat.st_ino, file.Link[Prefix.Length..].Replace(Deleted, ""), MemoryFiles.Seals(file.Fd.Number),
        InodeAttributes.Of(file.Stat), FileContent.Dump(file, context), FileLocks.Dump(file, context));

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => ContainerPath.Reopen(Inode(record, file, context), ContainerPath.OpenFlags(file.Flags));

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        FileLocks.Restore(record.Locks, file, fd, context);
        context.Once(("finished", record.Device, record.Inode), () => Seal(record, file, context));
    }

    private static FileDescriptor Inode(Record record, FileRecord file, RestoreContext context) => SharedInode.Of(context, record.Device, record.Inode, () =>
    {
        FileDescriptor fd = MemoryFiles.Create(record.Name);
        (record.Content ?? throw new EngineException(EngineError.BadImage, file.Stage(), "neither the memory nor the file holds its contents")).Restore(fd, file, context);
        return fd;
    });

    // Last: contents and mappings are in place. Who may not seal any more is told so by F_SEAL_SEAL, a seal like the others.
    private static object Seal(Record record, FileRecord file, RestoreContext context)
    {
        using FileDescriptor inode = Inode(record, file, context);
        record.Attributes.Apply(inode);
        MemoryFiles.AddSeals(inode.Number, record.Seals);
        return inode;
    }
}
