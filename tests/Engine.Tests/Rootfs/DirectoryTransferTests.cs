using System.Text;

namespace ContainerGrains.Engine.Tests.Rootfs;

public sealed class DirectoryTransferTests : IDisposable
{
    private readonly TemporaryDirectory _source = new(), _target = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _source.Dispose();
        _target.Dispose();
    }

    [Fact]
    public void A_tree_of_every_kind_arrives_as_it_was()
    {
        Directory.CreateDirectory(_source.Path + "/a/b");
        File.WriteAllBytes(_source.Path + "/a/file", RandomBytes(1, 1_000_000));
        Shell.Link(_source.Path + "/a/file", _source.Path + "/a/b/other name");
        Node("fifo", FileStat.S_IFIFO | 0x1B6, 0);
        Node("socket", FileStat.S_IFSOCK | 0x1ED, 0);
        Node("whiteout", FileStat.S_IFCHR, 0);
        Node("null", FileStat.S_IFCHR | 0x1B6, (1 << 8) | 3);
        Result.Check(DirectoryCalls.TrySymbolicLink("../somewhere/\u00e9"u8, Linux.Files.AT_FDCWD, Encoding.UTF8.GetBytes(_source.Path + "/a/link")), "symlinkat");
        using (FileDescriptor sparse = Linux.Files.Open(_source.Path + "/sparse", Linux.Files.O_RDWR | Linux.Files.O_CREAT, 0x1A4))
        {
            Linux.Files.WriteAllAt(sparse.Number, "end"u8, 1L << 30);
            Kernel.Call("fchown", Syscall.fchown, sparse.Number, 1000, 2000);
            Kernel.Call("fchmod", Syscall.fchmod, sparse.Number, 0xDED);
        }
        Xattr("a/file", "user.binary", [0, 1, 0xFF, 0]);
        Xattr("a", "trusted.overlay.opaque", "y"u8);
        Xattr("a", "trusted.overlay.origin", "from here"u8);
        File.WriteAllText(_source.Path + "/-\n'\"é", "odd name");
        RawName([(byte)'n', 0xFF, 0xFE]);
        SetOldTimes("a/b");

        Pass(null);

        Assert.Equal(Describe(_source.Path, withoutOrigin: true), Describe(_target.Path));
        Assert.Equal(Linux.Files.TryStat(_target.Path + "/a/file")!.Value.st_ino, Linux.Files.TryStat(_target.Path + "/a/b/other name")!.Value.st_ino);
        Assert.True(Linux.Files.TryStat(_target.Path + "/sparse")!.Value.st_blocks * 512 <= 1 << 20, "the hole was written out");
        Assert.DoesNotContain(Xattrs.List(Encoding.UTF8.GetBytes(_target.Path + "/a")), n => Encoding.UTF8.GetString(n).EndsWith("origin", StringComparison.Ordinal));
    }

    [Fact]
    public void What_vanishes_in_the_middle_of_a_pass_is_gone_after_the_next()
    {
        // Large enough that bytes flow before the pass has come to what lies deeper.
        File.WriteAllBytes(_source.Path + "/large", RandomBytes(1, 4 << 20));
        Directory.CreateDirectory(_source.Path + "/deep");
        _source.Write("deep/short-lived", "one");
        (DirectoryManifest first, _) = Pass(null);
        File.WriteAllBytes(_source.Path + "/large", RandomBytes(2, 4 << 20));
        _source.Write("deep/short-lived", "another");

        using var wire = new MemoryStream();
        DirectoryManifest second = DirectoryTransfer.Send(_source.Path, first, new HookedStream(wire, () => File.Delete(_source.Path + "/deep/short-lived")), cancellationToken: Token);
        wire.Position = 0;
        DirectoryTransfer.Receive(wire, _target.Path, Token);
        Assert.True(File.Exists(_target.Path + "/deep/short-lived"), "the pass saw it vanish before it had listed it");
        Pass(second);

        Assert.False(File.Exists(_target.Path + "/deep/short-lived"));
        Assert.Equal(Describe(_source.Path), Describe(_target.Path));
    }

    [Fact]
    public void The_second_pass_sends_only_what_changed()
    {
        File.WriteAllBytes(_source.Path + "/large", RandomBytes(1, 8 << 20));
        for (int i = 0; i < 50; i++) _source.Write($"f{i}", $"text {i}");
        (DirectoryManifest first, _) = Pass(null);
        using (FileDescriptor large = Linux.Files.Open(_source.Path + "/large", Linux.Files.O_WRONLY)) Linux.Files.WriteAllAt(large.Number, "changed"u8, 5 << 20);
        File.Delete(_source.Path + "/f7");
        _source.Write("f8", "another text");
        _source.Write("new", "new");

        (DirectoryManifest second, long bytes) = Pass(first);

        Assert.Equal(Describe(_source.Path), Describe(_target.Path));
        Assert.InRange(bytes, 1, 600_000);
        (DirectoryManifest _, long nothing) = Pass(WaitUntilSettled(second));
        Assert.InRange(nothing, 1, 400);
    }

    [Fact]
    public void A_file_that_grows_sends_its_tail()
    {
        File.WriteAllBytes(_source.Path + "/log", RandomBytes(1, 4 << 20));
        (DirectoryManifest first, _) = Pass(null);
        File.AppendAllText(_source.Path + "/log", "one more line\n");

        (_, long bytes) = Pass(first);

        Assert.Equal(Describe(_source.Path), Describe(_target.Path));
        Assert.InRange(bytes, 1, 300_000);
    }

    [Fact]
    public void A_write_through_a_mapping_is_found_without_a_change_of_times()
    {
        string path = _source.Write("db", new string('x', 100_000));
        SetOldTimes("db");
        (DirectoryManifest first, _) = Pass(null);
        first = WaitUntilSettled(first);
        // What a mapping does to a page that is dirty already: other bytes, the same times.
        FileStat before = Linux.Files.TryStat(path)!.Value;
        ForgetChange(first, "db", path, () => File.WriteAllText(path, new string('y', 100_000)), before);

        using var stream = new MemoryStream();
        DirectoryTransfer.Send(_source.Path, first, stream, new HashSet<string> { "/db" }, Token);
        stream.Position = 0;
        DirectoryTransfer.Receive(stream, _target.Path, Token);

        Assert.Equal(new string('y', 100_000), File.ReadAllText(_target.Path + "/db"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Any_changes_between_passes_lead_to_the_same_tree(int seed)
    {
        var random = new Random(seed);
        DirectoryManifest? manifest = null;
        for (int pass = 0; pass < 12; pass++)
        {
            for (int i = 0; i < 25; i++) Change(random);
            (manifest, _) = Pass(manifest);
            Assert.Equal(Describe(_source.Path), Describe(_target.Path));
        }
    }

    [Theory]
    [InlineData("../escape")]
    [InlineData("/etc/escape")]
    [InlineData("a/../../escape")]
    [InlineData("link/escape")]
    public void Nothing_leads_out_of_the_directory(string path)
    {
        using var outside = new TemporaryDirectory();
        File.CreateSymbolicLink(_target.Path + "/link", outside.Path);
        var stream = new MemoryStream();
        var writer = new TransferWriter(stream);
        writer.UInt32(TransferFormat.Magic);
        writer.UInt16(TransferFormat.Version);
        writer.Byte(TransferFormat.Directory);
        writer.Path(path);
        foreach (uint number in (uint[])[FileStat.S_IFDIR | 0x1ED, 0, 0]) writer.UInt32(number);
        writer.Int64(0);
        writer.Int64(0);
        writer.UInt16(0);
        writer.Byte(TransferFormat.End);
        writer.UInt32(1);
        writer.Flush();
        stream.Position = 0;

        Assert.Throws<EngineException>(() => DirectoryTransfer.Receive(stream, _target.Path, Token));

        Assert.Empty(Directory.GetFileSystemEntries(outside.Path));
    }

    [Fact]
    public void A_stream_that_ends_early_is_told()
    {
        _source.Write("x", "text");
        var stream = new MemoryStream();
        DirectoryTransfer.Send(_source.Path, null, stream, cancellationToken: Token);
        byte[] whole = stream.ToArray();

        for (int length = 0; length < whole.Length; length++)
        {
            EngineException e = Assert.Throws<EngineException>(() => DirectoryTransfer.Receive(new MemoryStream(whole, 0, length), _target.Path, Token));
            Assert.Equal(EngineError.BadImage, e.Error);
        }
    }

    [Fact]
    public void The_stream_can_go_on_with_something_else()
    {
        _source.Write("x", "text");
        var stream = new MemoryStream();
        DirectoryTransfer.Send(_source.Path, null, stream, cancellationToken: Token);
        stream.WriteByte(77);
        stream.Position = 0;

        DirectoryTransfer.Receive(stream, _target.Path, Token);

        Assert.Equal(77, stream.ReadByte());
    }

    private (DirectoryManifest Manifest, long Bytes) Pass(DirectoryManifest? since)
    {
        using var stream = new MemoryStream();
        DirectoryManifest manifest = DirectoryTransfer.Send(_source.Path, since, stream, cancellationToken: Token);
        Assert.Equal(stream.Length, manifest.SentBytes);
        stream.Position = 0;
        DirectoryTransfer.Receive(stream, _target.Path, Token);
        Assert.Equal(stream.Length, stream.Position);
        return (manifest, stream.Length);
    }

    // A pass that is late enough after the last change, so that times alone tell.
    private DirectoryManifest WaitUntilSettled(DirectoryManifest manifest)
    {
        for (int i = 0; i < 200 && manifest.Entries.Values.Any(e => !e.Settled); i++)
        {
            Thread.Sleep(5);
            (manifest, _) = Pass(manifest);
        }
        Assert.DoesNotContain(manifest.Entries.Values, e => !e.Settled);
        return manifest;
    }

    // The manifest takes the new times for the old ones, as if nothing but the bytes had changed.
    private static void ForgetChange(DirectoryManifest manifest, string name, string path, Action change, FileStat before)
    {
        change();
        FileStat after = Linux.Files.TryStat(path)!.Value;
        Assert.Equal(before.st_ino, after.st_ino);
        manifest.Entries[name] = ManifestEntry.Of(after, manifest.Entries[name].Blocks) with { Settled = true };
    }

    private void Change(Random random)
    {
        string[] all = [_source.Path, .. Directory.GetFileSystemEntries(_source.Path, "*", SearchOption.AllDirectories)];
        string[] directories = [.. all.Where(p => IsType(p, FileStat.S_IFDIR))], files = [.. all.Where(p => IsType(p, FileStat.S_IFREG))];
        string directory = directories[random.Next(directories.Length)], name = $"{directory}/{(char)('a' + random.Next(6))}";
        string? file = files.Length == 0 ? null : files[random.Next(files.Length)];
        bool taken = DirectoryCalls.TryStat(Linux.Files.AT_FDCWD, Encoding.UTF8.GetBytes(name), out _) is not null;
        switch (random.Next(12))
        {
            case 0 or 1 when !taken: File.WriteAllBytes(name, RandomBytes(random.Next(), random.Next(600_000))); break;
            case 2 when !taken: Directory.CreateDirectory(name); break;
            case 3 when !taken: File.CreateSymbolicLink(name, "target"); break;
            case 4 when !taken: Shell.MakeFifo(name); break;
            case 5 when !taken && file is not null: Shell.Link(file, name); break;
            case 6 when file is not null: File.Delete(file); break;
            case 7 when file is not null: Overwrite(file, random); break;
            case 8 when file is not null: Truncate(file, random.Next(900_000)); break;
            case 9 when file is not null && !taken: File.Move(file, name); break;
            case 10 when directory != _source.Path: Directory.Delete(directory, recursive: true); break;
            case 11: Result.Check(DirectoryCalls.TryChangeMode(Linux.Files.AT_FDCWD, Encoding.UTF8.GetBytes(directory), (uint)(0x1C0 | random.Next(64))), "chmod"); break;
        }
    }

    private static void Overwrite(string path, Random random)
    {
        using FileDescriptor fd = Linux.Files.Open(path, Linux.Files.O_WRONLY);
        Linux.Files.WriteAllAt(fd.Number, random.Next(2) == 0 ? new byte[300_000] : RandomBytes(random.Next(), 1000), random.Next(500_000));
    }

    private static void Truncate(string path, int length)
    {
        using FileDescriptor fd = Linux.Files.Open(path, Linux.Files.O_WRONLY);
        Kernel.Call("ftruncate", Syscall.ftruncate, fd.Number, length);
    }

    private static bool IsType(string path, uint type) => DirectoryCalls.TryStat(Linux.Files.AT_FDCWD, Encoding.UTF8.GetBytes(path), out _) is { } stat && stat.Type == type;

    // One line for each entry, with everything that must survive.
    private static List<string> Describe(string root, bool withoutOrigin = false)
    {
        var lines = new List<string>();
        using FileDescriptor fd = Linux.Files.Open(root, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);
        Describe(fd, "", lines, withoutOrigin);
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static void Describe(FileDescriptor root, string directory, List<string> lines, bool withoutOrigin)
    {
        using FileDescriptor fd = new(Result.Check(DirectoryCalls.TryOpenBeneath(root.Number, directory.Length == 0 ? "."u8 : Encoding.Latin1.GetBytes(directory), Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY), "openat2"));
        foreach (DirectoryEntries.Entry entry in DirectoryEntries.Read(fd.Number).ToList())
        {
            string path = (directory.Length == 0 ? "" : directory + "/") + Encoding.Latin1.GetString(entry.RawName);
            FileStat s = DirectoryCalls.TryStat(fd.Number, entry.RawName, out _)!.Value;
            IEnumerable<string> xattrs = Xattrs.List(OverlayXattrs.PathOf(fd, entry.RawName)).Where(n => !withoutOrigin || !Encoding.UTF8.GetString(n).EndsWith("origin", StringComparison.Ordinal))
                .Select(n => Encoding.UTF8.GetString(n) + "=" + Convert.ToHexString(Xattrs.Get(OverlayXattrs.PathOf(fd, entry.RawName), n)!)).Order();
            string content = s.Type switch
            {
                FileStat.S_IFREG => Convert.ToHexString(System.IO.Hashing.XxHash128.Hash(ContentOf(fd, entry.RawName))),
                FileStat.S_IFLNK => Encoding.UTF8.GetString(DirectoryCalls.ReadLink(fd.Number, entry.RawName)),
                _ => "",
            };
            long size = s.Type == FileStat.S_IFDIR ? 0 : s.st_size, links = s.Type == FileStat.S_IFDIR ? 0 : (long)s.st_nlink;
            lines.Add($"{path} mode={s.st_mode:x} owner={s.st_uid}:{s.st_gid} size={size} links={links} dev={s.st_rdev} mtime={s.st_mtime}.{s.st_mtime_nsec} [{string.Join(' ', xattrs)}] {content}");
            if (s.Type == FileStat.S_IFDIR) Describe(root, path, lines, withoutOrigin);
        }
    }

    private static byte[] ContentOf(FileDescriptor directory, byte[] name)
    {
        using FileDescriptor file = new(Result.Check(DirectoryCalls.TryOpenBeneath(directory.Number, name, Linux.Files.O_RDONLY), "openat2"));
        long size = Linux.Files.Stat(file.Number).st_size;
        if (size > 64 << 20) return Encoding.ASCII.GetBytes($"{size} {string.Join(',', SparseFiles.Data(file.Number, size, 1 << 20).Count())}");
        byte[] bytes = new byte[size];
        for (int done = 0; done < bytes.Length;) done += (int)Linux.Files.ReadAt(file.Number, bytes.AsSpan(done), done);
        return bytes;
    }

    private static byte[] RandomBytes(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private void Node(string name, uint mode, ulong device) => Result.Check(DirectoryCalls.TryMakeNode(Linux.Files.AT_FDCWD, Encoding.UTF8.GetBytes($"{_source.Path}/{name}"), mode, device), "mknodat");
    private void Xattr(string name, string key, ReadOnlySpan<byte> value) => Result.Check(Xattrs.TrySet(Encoding.UTF8.GetBytes($"{_source.Path}/{name}"), Encoding.UTF8.GetBytes(key), value), "lsetxattr");
    private void SetOldTimes(string name) => Result.Check(DirectoryCalls.TrySetTimes(Linux.Files.AT_FDCWD, Encoding.UTF8.GetBytes($"{_source.Path}/{name}"), 1_000_000_001, 1_136_073_600_123_456_789), "utimensat");
    private void RawName(byte[] name) => Result.Check(DirectoryCalls.TryMakeNode(Linux.Files.AT_FDCWD, [.. Encoding.UTF8.GetBytes(_source.Path + "/"), .. name], FileStat.S_IFREG | 0x1A4, 0), "mknodat");

    /// <summary>Does something before the first byte is written.</summary>
    private sealed class HookedStream(Stream inner, Action hook) : Stream
    {
        private Action? _hook = hook;

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Interlocked.Exchange(ref _hook, null)?.Invoke();
            inner.Write(buffer);
        }
    }
}
