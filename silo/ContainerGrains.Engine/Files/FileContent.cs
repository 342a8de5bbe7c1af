using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The bytes of a file that has no name to fetch it by; holes stay holes.</summary>
/// <param name="Size">Bytes, holes included.</param>
public sealed record FileContent(long Size, IReadOnlyList<FileExtent> Extents)
{
    /// <summary>A file with more data than this is refused: it would have to be read inside the freeze.</summary>
    public const long MaxDataBytes = 512L << 20;
    private const int MaxExtentBytes = 4 << 20;

    /// <summary>Why a file of this size is refused; null when it is not, or when a process has it mapped, so that it travels as memory.</summary>
    internal static (string Reason, string Remedy)? TooLarge(OpenFile file, DumpContext context) => file.Stat.st_blocks * 512 > MaxDataBytes && !IsMapped(file, context)
        ? ($"it has {file.Stat.st_blocks >> 11} MiB that no name leads to, more than the {MaxDataBytes >> 20} MiB which fit into a freeze", "keep such a file under a name, then it is sent before the freeze")
        : null;

    /// <summary>Null: it travels with the memory that maps it.</summary>
    internal static FileContent? Dump(OpenFile file, DumpContext context) => context.CarriedByMemory.Contains((file.Stat.st_dev, file.Stat.st_ino))
        ? null
        : context.Once(("content", file.Stat.st_dev, file.Stat.st_ino), () => Read(file, context));

    private static FileContent Read(OpenFile file, DumpContext context)
    {
        // A description of our own: the position of the container's must not move, and it may not be readable.
        using FileDescriptor opened = ContainerPath.Reopen(file.Fd, Linux.Files.O_RDONLY | Linux.Files.O_NOATIME);
        var extents = new List<FileExtent>();
        foreach ((long offset, int length) in SparseFiles.Data(opened.Number, file.Stat.st_size, MaxExtentBytes))
        {
            byte[] bytes = new byte[length];
            for (int done = 0; done < length;)
            {
                int read = (int)Linux.Files.ReadAt(opened.Number, bytes.AsSpan(done), offset + done);
                if (read == 0) throw new EngineException(EngineError.Internal, file.Stage(), "the file became shorter while it was frozen");
                done += read;
            }
            extents.Add(new FileExtent(offset, context.AddBlob(bytes)));
        }
        return new FileContent(file.Stat.st_size, extents);
    }

    internal void Restore(FileDescriptor fd, FileRecord file, RestoreContext context)
    {
        if (Size < 0) throw Bad(file);
        Kernel.Call("ftruncate", Syscall.ftruncate, fd.Number, Size);
        foreach (FileExtent extent in Extents)
        {
            byte[] bytes = context.Blob(extent.Blob);
            if (extent.Offset < 0 || extent.Offset > Size - bytes.Length) throw Bad(file);
            Linux.Files.WriteAllAt(fd.Number, bytes, extent.Offset);
        }
    }

    private static bool IsMapped(OpenFile file, DumpContext context) =>
        context.Tasks.Any(t => !t.IsZombie && MapEntry.Read(t.Pid).Any(m => m.Shared && m.Inode == file.Stat.st_ino && m.Path == file.Link));

    private static EngineException Bad(FileRecord file) => new(EngineError.BadImage, file.Stage(), "the file's contents lie outside of its size");
}
