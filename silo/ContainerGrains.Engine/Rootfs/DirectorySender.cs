using System.Buffers;
using System.IO.Hashing;
using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>One pass of a <see cref="DirectoryTransfer"/>, at the source. Files may come, go and change while it runs; the next pass sees it.</summary>
internal sealed class DirectorySender(FileDescriptor root, DirectoryManifest since, TransferWriter writer, IReadOnlySet<string> writtenByMappings, CancellationToken cancellationToken) : IDisposable
{
    private readonly DirectoryManifest _now = new();
    private readonly Dictionary<(ulong Device, ulong Inode), string> _linked = [];
    private readonly SortedSet<string> _touched = new(StringComparer.Ordinal);
    // Shared with other passes: a fresh array of this size costs milliseconds of the garbage collector, perhaps in a freeze.
    private readonly byte[] _block = ArrayPool<byte>.Shared.Rent(TransferFormat.BlockBytes);
    private readonly HashSet<string> _mapped = [.. writtenByMappings.Select(p => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(p.TrimStart('/'))))];
    private uint _records;

    public void Dispose() => ArrayPool<byte>.Shared.Return(_block);

    public DirectoryManifest Run()
    {
        writer.UInt32(TransferFormat.Magic);
        writer.UInt16(TransferFormat.Version);
        List<(string Path, FileStat Stat)> found = List();
        SendRemoved(found.Select(f => f.Path).ToHashSet(StringComparer.Ordinal));
        foreach ((string path, FileStat stat) in found)
        {
            cancellationToken.ThrowIfCancellationRequested();
            SendEntry(path, stat);
        }
        SendTimes();
        writer.Byte(TransferFormat.End);
        writer.UInt32(_records);
        writer.Flush();
        _now.SentBytes = writer.Written;
        return _now;
    }

    // Parents before children.
    private List<(string Path, FileStat Stat)> List()
    {
        var found = new List<(string, FileStat)> { ("", Linux.Files.Stat(root.Number)) };
        var directories = new Queue<string>([""]);
        while (directories.TryDequeue(out string? directory))
        {
            cancellationToken.ThrowIfCancellationRequested();
            long opened = DirectoryCalls.TryOpenBeneath(root.Number, directory.Length == 0 ? "."u8 : Bytes(directory), Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY | Linux.Files.O_NOATIME);
            if (Vanished(opened, directory)) continue;
            using var fd = new FileDescriptor(opened);
            foreach (DirectoryEntries.Entry entry in DirectoryEntries.Read(fd.Number))
            {
                FileStat? stat = DirectoryCalls.TryStat(fd.Number, entry.RawName, out long error);
                if (Vanished(error, directory) || stat is null) continue;
                string path = directory.Length == 0 ? Text(entry.RawName) : $"{directory}/{Text(entry.RawName)}";
                if (path.Length > TransferFormat.MaxPathBytes) throw new EngineException(EngineError.NotCarried, "send: files", $"the path {path[..80]}… is longer than {TransferFormat.MaxPathBytes} bytes; shorten it");
                found.Add((path, stat.Value));
                if (stat.Value.Type == FileStat.S_IFDIR) directories.Enqueue(path);
            }
        }
        return found;
    }

    private void SendRemoved(HashSet<string> present)
    {
        foreach (string path in since.Entries.Keys)
        {
            if (present.Contains(path) || !present.Contains(Parent(path)) && since.Entries.ContainsKey(Parent(path))) continue;
            Begin(TransferFormat.Remove, path);
        }
    }

    private void SendEntry(string path, FileStat stat)
    {
        ManifestEntry? before = since.Entries.GetValueOrDefault(path);
        ManifestEntry now = ManifestEntry.Of(stat, before?.Blocks ?? []);
        bool isMapped = _mapped.Contains(path);
        bool isLinked = stat.Type != FileStat.S_IFDIR && stat.st_nlink > 1;
        if (before is not null && before.SameAs(now) && !isMapped)
        {
            // Settled once, settled for ever, as long as nothing changes.
            _now.Entries.Add(path, now with { Settled = true });
            if (isLinked) _linked.TryAdd((stat.st_dev, stat.st_ino), path);
            return;
        }
        if (isLinked && !_linked.TryAdd((stat.st_dev, stat.st_ino), path))
        {
            string first = _linked[(stat.st_dev, stat.st_ino)];
            Begin(TransferFormat.HardLink, path);
            writer.Path(first);
            _now.Entries.Add(path, now with { Blocks = _now.Entries[first].Blocks });
            return;
        }
        try
        {
            List<(byte[], byte[])> xattrs = OverlayXattrs.Read(OverlayXattrs.PathOf(root, path.Length == 0 ? "."u8 : Bytes(path)));
            ManifestEntry sent = stat.Type switch
            {
                FileStat.S_IFDIR => SendDirectory(path, stat, now, xattrs),
                FileStat.S_IFREG => SendFile(path, before, xattrs),
                FileStat.S_IFLNK => SendSymbolicLink(path, stat, now, xattrs),
                _ => SendNode(path, stat, now, xattrs),
            };
            // Written to between this pass and the unmapping, it would look as it did now.
            _now.Entries.Add(path, isMapped ? sent with { Settled = false } : sent);
        }
        catch (LinuxException e) when (HasVanished(e.Errno))
        {
            // Gone before a byte of it was sent. The other side may have it from an earlier pass: the next one says that it is gone.
            if (before is not null) _now.Entries.Add(path, before with { Settled = false });
            if (isLinked) _linked.Remove((stat.st_dev, stat.st_ino));
        }
    }

    private ManifestEntry SendDirectory(string path, FileStat stat, ManifestEntry now, List<(byte[], byte[])> xattrs)
    {
        Begin(TransferFormat.Directory, path);
        SendAttributes(stat, xattrs);
        _touched.Add(path);
        return now;
    }

    private ManifestEntry SendSymbolicLink(string path, FileStat stat, ManifestEntry now, List<(byte[], byte[])> xattrs)
    {
        byte[] target = DirectoryCalls.ReadLink(root.Number, Bytes(path));
        Begin(TransferFormat.SymbolicLink, path);
        SendAttributes(stat, xattrs);
        writer.UInt16((ushort)target.Length);
        writer.Raw(target);
        return now;
    }

    private ManifestEntry SendNode(string path, FileStat stat, ManifestEntry now, List<(byte[], byte[])> xattrs)
    {
        Begin(TransferFormat.Node, path);
        SendAttributes(stat, xattrs);
        writer.UInt64(stat.st_rdev);
        return now;
    }

    private ManifestEntry SendFile(string path, ManifestEntry? before, List<(byte[], byte[])> xattrs)
    {
        long opened = DirectoryCalls.TryOpenBeneath(root.Number, Bytes(path), Linux.Files.O_RDONLY | Linux.Files.O_NOATIME | Linux.Files.O_NONBLOCK);
        using var fd = new FileDescriptor(Result.Check(opened, "openat2", path: path));
        // What is written to it from here on makes it newer than this.
        FileStat stat = Linux.Files.Stat(fd.Number, path);
        if (stat.Type != FileStat.S_IFREG) throw new LinuxException("openat2", Errno.ENOENT, path: path);
        // The other side's file is changed in place when it came from the same one.
        UInt128[]? known = before is { IsRegular: true } && before.Inode == stat.st_ino ? before.Blocks : null;
        ManifestEntry now = ManifestEntry.Of(stat, []);
        Begin(TransferFormat.File, path);
        SendAttributes(stat, xattrs);
        writer.Int64(stat.st_size);
        writer.Byte(known is null ? (byte)1 : (byte)0);
        UInt128[] blocks = SendBlocks(fd, stat.st_size, known ?? []);
        writer.Byte(TransferFormat.LastPiece);
        return now with { Blocks = blocks };
    }

    private UInt128[] SendBlocks(FileDescriptor fd, long size, UInt128[] known)
    {
        UInt128[] blocks = new UInt128[(size + TransferFormat.BlockBytes - 1) / TransferFormat.BlockBytes];
        var withData = new SortedSet<long>();
        foreach ((long offset, int length) in SparseFiles.Data(fd.Number, size, 1 << 30))
            for (long n = offset / TransferFormat.BlockBytes; n * TransferFormat.BlockBytes < offset + length; n++) withData.Add(n);
        foreach (long n in withData)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long at = n * TransferFormat.BlockBytes;
            Span<byte> block = _block.AsSpan(0, (int)Math.Min(TransferFormat.BlockBytes, size - at));
            Read(fd, block, at);
            // Zeros are a hole on the other side.
            blocks[n] = block.ContainsAnyExcept((byte)0) ? XxHash128.HashToUInt128(block) : default;
            if (n < known.Length ? known[n] == blocks[n] : blocks[n] == default) continue;
            if (blocks[n] == default) continue;
            writer.Byte(TransferFormat.DataPiece);
            writer.Int64(at);
            writer.UInt32((uint)block.Length);
            writer.Raw(block);
        }
        for (long n = 0; n < Math.Min(known.Length, blocks.Length); n++)
        {
            if (known[n] == default || blocks[n] != default) continue;
            writer.Byte(TransferFormat.HolePiece);
            writer.Int64(n * TransferFormat.BlockBytes);
            writer.UInt32((uint)Math.Min(TransferFormat.BlockBytes, size - n * TransferFormat.BlockBytes));
        }
        return blocks;
    }

    // A file that becomes shorter meanwhile reads as zeros there; it has changed, so the next pass sends it again.
    private static void Read(FileDescriptor fd, Span<byte> block, long at)
    {
        for (int done = 0; done < block.Length;)
        {
            int read = (int)Linux.Files.ReadAt(fd.Number, block[done..], at + done);
            if (read == 0)
            {
                block[done..].Clear();
                return;
            }
            done += read;
        }
    }

    private void SendAttributes(FileStat stat, List<(byte[] Name, byte[] Value)> xattrs)
    {
        writer.UInt32(stat.st_mode);
        writer.UInt32(stat.st_uid);
        writer.UInt32(stat.st_gid);
        writer.Int64(stat.st_atime * 1_000_000_000 + stat.st_atime_nsec);
        writer.Int64(stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec);
        writer.UInt16((ushort)xattrs.Count);
        foreach ((byte[] name, byte[] value) in xattrs)
        {
            writer.UInt16((ushort)name.Length);
            writer.Raw(name);
            writer.UInt32((uint)value.Length);
            writer.Raw(value);
        }
    }

    // Making and removing names changed the times of their directories on the other side.
    private void SendTimes()
    {
        foreach (string path in _touched)
        {
            FileStat? stat = DirectoryCalls.TryStat(root.Number, Bytes(path), out _);
            if (stat is not { Type: FileStat.S_IFDIR } || !_now.Entries.ContainsKey(path)) continue;
            writer.Byte(TransferFormat.DirectoryTimes);
            writer.Path(path);
            writer.Int64(stat.Value.st_atime * 1_000_000_000 + stat.Value.st_atime_nsec);
            writer.Int64(stat.Value.st_mtime * 1_000_000_000 + stat.Value.st_mtime_nsec);
            _records++;
        }
    }

    private void Begin(byte type, string path)
    {
        writer.Byte(type);
        writer.Path(path);
        _records++;
        _now.SentEntries++;
        if (path.Length > 0) _touched.Add(Parent(path));
    }

    private static bool Vanished(long result, string path)
    {
        if (result < 0 && HasVanished((int)-result)) return true;
        Result.Check(result, "send", path: path);
        return false;
    }

    private static bool HasVanished(int errno) => errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP;

    private static string Parent(string path) => path[..Math.Max(0, path.LastIndexOf('/'))];
    private static byte[] Bytes(string path) => Encoding.Latin1.GetBytes(path);
    private static string Text(byte[] name) => Encoding.Latin1.GetString(name);
}
