using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The shared memory objects of a container while it is dumped: each once, whoever maps it (memfd_create(2), mmap(2)).</summary>
internal sealed class MemoryObjects : IDisposable
{
    private readonly Dictionary<(ulong Device, ulong Inode), (MemoryObjectRecord Record, FileDescriptor File)> _objects = [];

    public IEnumerable<MemoryObjectRecord> Records => _objects.Values.Select(o => o.Record).OrderBy(r => r.Id);

    /// <summary>The number of the object behind a mapping.</summary>
    public int Find(MapEntry entry, FileStat stat, string mapFile)
    {
        if (_objects.TryGetValue((stat.st_dev, stat.st_ino), out var known)) return known.Record.Id;
        string path = entry.Path.EndsWith(" (deleted)", StringComparison.Ordinal) ? entry.Path[..^" (deleted)".Length] : entry.Path;
        string kind = path.StartsWith("/memfd:", StringComparison.Ordinal) ? "memfd" : path == "/dev/zero" || entry.AnonymousName is not null ? "anonymous" : "deleted";
        string name = kind == "memfd" ? path["/memfd:".Length..] : kind == "deleted" ? path : "";
        var record = new MemoryObjectRecord(_objects.Count, kind, name, stat.st_dev, stat.st_ino, stat.st_size);
        _objects.Add((stat.st_dev, stat.st_ino), (record, Linux.Files.Open(mapFile, Linux.Files.O_RDONLY)));
        return record.Id;
    }

    /// <summary>Writes the contents of all objects; holes are not sent.</summary>
    public long Write(ImageWriter writer, NativeBuffer buffer)
    {
        long pages = 0;
        foreach ((MemoryObjectRecord record, FileDescriptor file) in _objects.Values)
            pages += WriteOne(writer, buffer, record, file);
        return pages;
    }

    public void Dispose()
    {
        foreach ((_, FileDescriptor file) in _objects.Values) file.Dispose();
    }

    private static long WriteOne(ImageWriter writer, NativeBuffer buffer, MemoryObjectRecord record, FileDescriptor file)
    {
        const int SEEK_DATA = 3, SEEK_HOLE = 4;
        long pages = 0;
        byte[] head = new byte[24];
        for (long at = 0; at < record.Length;)
        {
            long data = Kernel.Raw(Syscall.lseek, file.Number, at, SEEK_DATA);
            if (data == -Errno.ENXIO) break;
            Result.Check(data, "lseek(SEEK_DATA)", path: record.Name);
            long hole = Kernel.Call("lseek(SEEK_HOLE)", Syscall.lseek, file.Number, data, SEEK_HOLE);
            data &= -Kernel.PageSize;
            for (at = data; at < hole;)
            {
                int want = (int)Math.Min(buffer.Length, (hole - at + Kernel.PageSize - 1) & -Kernel.PageSize);
                Span<byte> span = buffer.Span[..want];
                int got = (int)Linux.Files.ReadAt(file.Number, span, at);
                if (got <= 0) break;
                int whole = (got + Kernel.PageSize - 1) & -Kernel.PageSize;
                span[got..whole].Clear();
                BitConverter.TryWriteBytes(head.AsSpan(0), record.Id);
                BitConverter.TryWriteBytes(head.AsSpan(4), 1);
                BitConverter.TryWriteBytes(head.AsSpan(8), (ulong)at);
                BitConverter.TryWriteBytes(head.AsSpan(16), (ulong)(at + whole));
                writer.Write(FrameType.ObjectPages, head, span[..whole]);
                pages += whole / Kernel.PageSize;
                at += whole;
            }
        }
        return pages;
    }
}
