using System.Buffers;
using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>One pass of a <see cref="DirectoryTransfer"/>, at the target. Nothing that is read leads out of the directory.</summary>
internal sealed class DirectoryReceiver(FileDescriptor root, TransferReader reader, CancellationToken cancellationToken) : IDisposable
{
    private readonly byte[] _block = ArrayPool<byte>.Shared.Rent(TransferFormat.BlockBytes);
    private FileDescriptor _parent = Linux.Files.Duplicate(root.Number);
    private string _parentPath = "";

    public void Dispose()
    {
        _parent.Dispose();
        ArrayPool<byte>.Shared.Return(_block);
    }

    public void Run()
    {
        if (reader.UInt32() != TransferFormat.Magic) throw TransferReader.Bad("no directory begins here");
        if (reader.UInt16() is var version && version != TransferFormat.Version) throw TransferReader.Bad($"directories of format {version}, known is {TransferFormat.Version}");
        for (uint records = 0; records < TransferFormat.MaxRecords; records++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            byte type = reader.Byte();
            if (type == TransferFormat.End)
            {
                if (reader.UInt32() is var sent && sent != records) throw TransferReader.Bad($"{records} entries came of {sent}");
                return;
            }
            string path = reader.Path();
            try
            {
                Receive(type, path);
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT)
            {
                throw new EngineException(EngineError.DiskFull, $"receive: {path}", "no space left on this host for the container's files; free some", e);
            }
            catch (LinuxException e)
            {
                throw new EngineException(EngineError.Internal, $"receive: {path}", e.Message, e);
            }
        }
        throw TransferReader.Bad($"more than {TransferFormat.MaxRecords} entries");
    }

    private void Receive(byte type, string path)
    {
        switch (type)
        {
            case TransferFormat.Directory: ReceiveDirectory(path); break;
            case TransferFormat.File: ReceiveFile(path); break;
            case TransferFormat.HardLink: ReceiveHardLink(path, reader.Path()); break;
            case TransferFormat.SymbolicLink: ReceiveSymbolicLink(path); break;
            case TransferFormat.Node: ReceiveNode(path); break;
            case TransferFormat.Remove: DirectoryTrees.Remove(Parent(path).Number, Name(path)); break;
            case TransferFormat.DirectoryTimes: ReceiveTimes(path); break;
            default: throw TransferReader.Bad($"an entry of type {type}");
        }
    }

    private void ReceiveDirectory(string path)
    {
        Attributes attributes = ReadAttributes(path, FileStat.S_IFDIR);
        if (path.Length == 0)
        {
            Apply(root, "."u8.ToArray(), attributes, withMode: true);
            return;
        }
        FileDescriptor parent = Parent(path);
        byte[] name = Name(path);
        if (DirectoryCalls.TryStat(parent.Number, name, out _) is not { Type: FileStat.S_IFDIR })
        {
            DirectoryTrees.Remove(parent.Number, name);
            Result.Check(DirectoryCalls.TryMakeDirectory(parent.Number, name, 0x1C0), "mkdirat", path: path);
        }
        Apply(parent, name, attributes, withMode: true);
    }

    private void ReceiveFile(string path)
    {
        Attributes attributes = ReadAttributes(path, FileStat.S_IFREG);
        long size = reader.Int64();
        bool isNew = reader.Byte() != 0;
        if (size < 0) throw TransferReader.Bad($"{path} has a negative size");
        FileDescriptor parent = Parent(path);
        byte[] name = Name(path);
        if (isNew) DirectoryTrees.Remove(parent.Number, name);
        long opened = DirectoryCalls.TryOpenBeneath(parent.Number, name, Linux.Files.O_WRONLY | Linux.Files.O_NONBLOCK | (isNew ? Linux.Files.O_CREAT | Linux.Files.O_EXCL : 0), isNew ? 0x180u : 0);
        using var fd = new FileDescriptor(Result.Check(opened, "openat2", path: path));
        if (Linux.Files.Stat(fd.Number, path).Type != FileStat.S_IFREG) throw TransferReader.Bad($"{path} is no regular file");
        Kernel.Call("ftruncate", Syscall.ftruncate, fd.Number, size, path: path);
        ReceivePieces(fd, path, size);
        Apply(parent, name, attributes, withMode: true);
    }

    private void ReceivePieces(FileDescriptor fd, string path, long size)
    {
        const int FALLOC_FL_KEEP_SIZE = 1, FALLOC_FL_PUNCH_HOLE = 2;
        while (true)
        {
            byte piece = reader.Byte();
            if (piece == TransferFormat.LastPiece) return;
            long offset = reader.Int64();
            uint length = reader.UInt32();
            if (length is 0 or > TransferFormat.BlockBytes || offset < 0 || offset > size - length) throw TransferReader.Bad($"a piece of {path} lies outside of it");
            Span<byte> block = _block.AsSpan(0, (int)length);
            switch (piece)
            {
                case TransferFormat.DataPiece:
                    reader.Fill(block);
                    Linux.Files.WriteAllAt(fd.Number, block, offset);
                    break;
                case TransferFormat.HolePiece:
                    // Where the file system knows no holes, zeros do.
                    if (Kernel.Raw(Syscall.fallocate, fd.Number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) >= 0) break;
                    block.Clear();
                    Linux.Files.WriteAllAt(fd.Number, block, offset);
                    break;
                default: throw TransferReader.Bad($"a piece of type {piece} in {path}");
            }
        }
    }

    private void ReceiveHardLink(string path, string target)
    {
        if (path.Length == 0 || target.Length == 0) throw TransferReader.Bad("a hard link without a name");
        using FileDescriptor targetParent = Open(ParentPath(target));
        FileDescriptor parent = Parent(path);
        byte[] name = Name(path);
        DirectoryTrees.Remove(parent.Number, name);
        Result.Check(DirectoryCalls.TryLink(targetParent.Number, Name(target), parent.Number, name), "linkat", path: path);
    }

    private void ReceiveSymbolicLink(string path)
    {
        Attributes attributes = ReadAttributes(path, FileStat.S_IFLNK);
        byte[] target = reader.Bytes(reader.UInt16(), TransferFormat.MaxPathBytes);
        FileDescriptor parent = Parent(path);
        byte[] name = Name(path);
        DirectoryTrees.Remove(parent.Number, name);
        Result.Check(DirectoryCalls.TrySymbolicLink(target, parent.Number, name), "symlinkat", path: path);
        Apply(parent, name, attributes, withMode: false);
    }

    private void ReceiveNode(string path)
    {
        Attributes attributes = ReadAttributes(path, FileStat.S_IFIFO, FileStat.S_IFSOCK, FileStat.S_IFCHR, FileStat.S_IFBLK);
        ulong device = reader.UInt64();
        FileDescriptor parent = Parent(path);
        byte[] name = Name(path);
        DirectoryTrees.Remove(parent.Number, name);
        Result.Check(DirectoryCalls.TryMakeNode(parent.Number, name, attributes.Mode & FileStat.S_IFMT | 0x180, device), "mknodat", path: path);
        Apply(parent, name, attributes, withMode: true);
    }

    private void ReceiveTimes(string path)
    {
        long access = reader.Int64(), modification = reader.Int64();
        using FileDescriptor directory = Open(path);
        Result.Check(DirectoryCalls.TrySetTimes(directory.Number, [], access, modification), "utimensat", path: path);
    }

    // The owner first (that clears set-user-ID and capabilities), times last (all else changes them).
    private static void Apply(FileDescriptor parent, byte[] name, Attributes attributes, bool withMode)
    {
        Result.Check(DirectoryCalls.TryChangeOwner(parent.Number, name, attributes.Uid, attributes.Gid), "fchownat");
        if (withMode) Result.Check(DirectoryCalls.TryChangeMode(parent.Number, name, attributes.Mode & 0xFFF), "fchmodat");
        OverlayXattrs.Write(OverlayXattrs.PathOf(parent, name), attributes.Xattrs);
        Result.Check(DirectoryCalls.TrySetTimes(parent.Number, name, attributes.AccessNs, attributes.ModificationNs), "utimensat");
    }

    private Attributes ReadAttributes(string path, params ReadOnlySpan<uint> types)
    {
        var attributes = new Attributes(reader.UInt32(), reader.UInt32(), reader.UInt32(), reader.Int64(), reader.Int64(), []);
        if (!types.Contains(attributes.Mode & FileStat.S_IFMT)) throw TransferReader.Bad($"{path} has mode 0{Convert.ToString(attributes.Mode, 8)}");
        int count = reader.UInt16();
        if (count > TransferFormat.MaxXattrs) throw TransferReader.Bad($"{path} has {count} extended attributes");
        for (int i = 0; i < count; i++)
        {
            byte[] name = reader.Bytes(reader.UInt16(), Xattrs.MaxNameBytes);
            attributes.Xattrs.Add((name, reader.Bytes(reader.UInt32(), Xattrs.MaxValueBytes)));
        }
        return attributes;
    }

    // Entries come directory by directory: the last parent is mostly the next one.
    private FileDescriptor Parent(string path)
    {
        if (path.Length == 0) throw TransferReader.Bad("an entry without a name");
        string parentPath = ParentPath(path);
        if (parentPath == _parentPath && _parent.Number >= 0) return _parent;
        FileDescriptor opened = Open(parentPath);
        _parent.Dispose();
        (_parent, _parentPath) = (opened, parentPath);
        return _parent;
    }

    private FileDescriptor Open(string path) => new(Result.Check(
        DirectoryCalls.TryOpenBeneath(root.Number, path.Length == 0 ? "."u8 : Encoding.Latin1.GetBytes(path), Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY), "openat2", path: path));

    private static string ParentPath(string path) => path[..Math.Max(0, path.LastIndexOf('/'))];
    private static byte[] Name(string path) => Encoding.Latin1.GetBytes(path[(path.LastIndexOf('/') + 1)..]);

    private sealed record Attributes(uint Mode, uint Uid, uint Gid, long AccessNs, long ModificationNs, List<(byte[] Name, byte[] Value)> Xattrs);
}
