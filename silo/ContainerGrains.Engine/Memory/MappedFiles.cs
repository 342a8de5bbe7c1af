using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The files and memory objects that restored mappings need, opened by the engine inside the container's root.</summary>
internal sealed class MappedFiles(Func<FileDescriptor> root, Puppet init, string host) : IDisposable
{
    private readonly Dictionary<(string Path, bool Writable), FileDescriptor> _files = [];
    private readonly Dictionary<int, (MemoryObjectRecord Record, FileDescriptor File)> _objects = [];

    /// <summary>The memory objects by device and inode on the source: rooms of descriptors share them.</summary>
    public IEnumerable<(MemoryObjectRecord Record, FileDescriptor File)> Objects => _objects.Values;

    /// <exception cref="EngineException">FileMismatch: missing, or not the file that the process has mapped.</exception>
    public FileDescriptor Open(MappingRecord mapping)
    {
        if (mapping.Backing == Backing.Object)
            return _objects.TryGetValue(mapping.ObjectId, out var known) ? known.File : throw new EngineException(EngineError.BadImage, "restore: memory", $"the image names memory object {mapping.ObjectId} but does not hold it");
        bool writable = mapping.Shared && mapping.Has(MappingFlags.MayWrite);
        string path = mapping.Path ?? throw new EngineException(EngineError.BadImage, "restore: memory", "a file mapping has no path");
        if (!_files.TryGetValue((path, writable), out FileDescriptor? file))
        {
            long fd = Linux.Files.TryOpenInRoot(root(), path, writable ? Linux.Files.O_RDWR : Linux.Files.O_RDONLY);
            if (fd < 0) throw new EngineException(EngineError.FileMismatch, "restore: memory", $"file '{path}', which a process has mapped, cannot be opened on host '{host}' ({Errno.Name((int)-fd)}); put the same file there");
            _files.Add((path, writable), file = new FileDescriptor(fd));
            FileStat stat = Linux.Files.Stat(file.Number, path);
            // A shared writable mapping changes its file's mtime by itself; its size must match all the same.
            bool same = stat.st_size == mapping.FileSize && (writable || stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec == mapping.FileMTimeNs);
            if (!same) throw new EngineException(EngineError.FileMismatch, "restore: memory", $"file '{path}', which a process has mapped, is another one on host '{host}' (size or modification time differ); put the same file there");
        }
        return file;
    }

    /// <summary>Makes the objects that are not there yet, empty.</summary>
    public void Ensure(IEnumerable<MemoryObjectRecord> records)
    {
        foreach (MemoryObjectRecord record in records)
        {
            if (_objects.TryGetValue(record.Id, out var known))
            {
                if (known.Record.Length != record.Length) Kernel.Call("ftruncate", Syscall.ftruncate, known.File.Number, record.Length);
                continue;
            }
            FileDescriptor file = record.Kind == "anonymous" ? MakeAnonymous(record) : MakeMemfd(record);
            _objects.Add(record.Id, (record, file));
        }
    }

    public void Write(int objectId, List<(ulong Start, ulong End)> ranges, ReadOnlySpan<byte> bytes)
    {
        if (!_objects.TryGetValue(objectId, out var known)) throw new EngineException(EngineError.BadImage, "restore: memory", $"pages came for memory object {objectId}, which the image does not describe");
        foreach ((ulong start, ulong end) in ranges)
        {
            int length = (int)(end - start);
            // The last page may reach behind the object's end.
            int inside = (int)Math.Clamp(known.Record.Length - (long)start, 0, length);
            Linux.Files.WriteAllAt(known.File.Number, bytes[..inside], (long)start);
            bytes = bytes[length..];
        }
    }

    public void Dispose()
    {
        foreach (FileDescriptor file in _files.Values) file.Dispose();
        foreach ((_, FileDescriptor file) in _objects.Values) file.Dispose();
    }

    private static FileDescriptor MakeMemfd(MemoryObjectRecord record)
    {
        FileDescriptor file = MemoryFiles.Create(record.Kind == "memfd" ? record.Name : Path.GetFileName(record.Name));
        Kernel.Call("ftruncate", Syscall.ftruncate, file.Number, record.Length, path: record.Name);
        return file;
    }

    // Shared anonymous memory has no name to open: init maps it, and its file is opened through map_files.
    private FileDescriptor MakeAnonymous(MemoryObjectRecord record)
    {
        const int PROT_RW = 3, MAP_SHARED_ANONYMOUS = 0x21;
        long length = (record.Length + Kernel.PageSize - 1) & -Kernel.PageSize;
        long address = init.Call("mmap", Syscall.mmap, 0, length, PROT_RW, MAP_SHARED_ANONYMOUS, -1, 0);
        try
        {
            return Linux.Files.Open($"/proc/{init.Tid}/map_files/{address:x}-{address + length:x}", Linux.Files.O_RDWR);
        }
        finally
        {
            init.Call("munmap", Syscall.munmap, address, length);
        }
    }
}
