namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class DeletedFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Contents_holes_owner_and_mode_survive_without_a_name()
    {
        using FileDescriptor original = Linux.Files.Open(_directory.Path + "/x", Linux.Files.O_RDWR | Linux.Files.O_CREAT, 0x1A4);
        Linux.Files.WriteAll(original.Number, "head"u8);
        Linux.Files.WriteAllAt(original.Number, "tail"u8, 1 << 24);
        Kernel.Call("fchown", Syscall.fchown, original.Number, 1234, 5678);
        Kernel.Call("fchmod", Syscall.fchmod, original.Number, 0x9C0);
        File.Delete(_directory.Path + "/x");
        DateTime before = Directory.GetLastWriteTimeUtc(_directory.Path);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        Assert.Equal(4, file.Position);

        using FileDescriptor restored = TestRestore.Alone(new DeletedFile(), dump, file);

        FileStat was = Linux.Files.Stat(original.Number), now = Linux.Files.Stat(restored.Number);
        Assert.Equal((was.st_size, was.st_mode, was.st_uid, was.st_gid, was.st_mtime, was.st_mtime_nsec), (now.st_size, now.st_mode, now.st_uid, now.st_gid, now.st_mtime, now.st_mtime_nsec));
        Assert.NotEqual(was.st_ino, now.st_ino);
        Assert.Equal(0ul, now.st_nlink);
        Assert.True(now.st_blocks * 512 < 1 << 20, "the hole was written out");
        Assert.Equal(_directory.Path + "/x (deleted)", Linux.Files.ReadLink($"/proc/self/fd/{restored.Number}"));
        byte[] tail = new byte[4];
        Linux.Files.ReadAt(restored.Number, tail, 1 << 24);
        Assert.Equal("tail"u8, tail);
        Assert.Equal(4, ProcFields.Read($"/proc/self/fdinfo/{restored.Number}").Int64("pos"));
        Assert.Equal(4, ProcFields.Read($"/proc/self/fdinfo/{original.Number}").Int64("pos"));
        Assert.Equal(before, Directory.GetLastWriteTimeUtc(_directory.Path));
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void A_temporary_file_that_never_had_a_name_survives()
    {
        using FileDescriptor original = Linux.Files.Open(_directory.Path, Linux.Files.O_RDWR | Linux.Files.O_TMPFILE | Linux.Files.O_NOFOLLOW, 0x180);
        Linux.Files.WriteAll(original.Number, "temporary"u8);
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new DeletedFile(), dump, dump.Add(original));

        byte[] text = new byte[9];
        Linux.Files.ReadAt(restored.Number, text, 0);
        Assert.Equal("temporary"u8, text);
        Assert.Equal(0ul, Linux.Files.Stat(restored.Number).st_nlink);
    }

    [Fact]
    public void Several_descriptions_share_the_one_file()
    {
        using FileDescriptor writer = Linux.Files.Open(_directory.Path + "/x", Linux.Files.O_WRONLY | Linux.Files.O_CREAT, 0x1A4);
        using FileDescriptor reader = Linux.Files.Open(_directory.Path + "/x", Linux.Files.O_RDONLY);
        Linux.Files.WriteAll(writer.Number, "abc"u8);
        File.Delete(_directory.Path + "/x");
        var dump = new TestDump();
        OpenFile w = dump.Add(writer), r = dump.Add(reader);
        var restore = new TestRestore(dump);

        FileDescriptor writer2 = restore.Survive(new DeletedFile(), w), reader2 = restore.Survive(new DeletedFile(), r);
        restore.Finish();
        Linux.Files.WriteAll(writer2.Number, "def"u8);

        byte[] text = new byte[10];
        Assert.Equal(6, Linux.Files.Read(reader2.Number, text));
        Assert.Equal("abcdef"u8, text.AsSpan(0, 6));
    }

    [Fact]
    public void A_file_whose_name_and_directory_are_gone_or_taken_survives()
    {
        Directory.CreateDirectory(_directory.Path + "/sub");
        using FileDescriptor lost = Linux.Files.Open(_directory.Path + "/sub/x", Linux.Files.O_RDWR | Linux.Files.O_CREAT, 0x1A4);
        using FileDescriptor replaced = Linux.Files.Open(_directory.Path + "/y", Linux.Files.O_RDWR | Linux.Files.O_CREAT, 0x1A4);
        Linux.Files.WriteAll(lost.Number, "lost"u8);
        Linux.Files.WriteAll(replaced.Number, "old"u8);
        Directory.Delete(_directory.Path + "/sub", recursive: true);
        File.Move(_directory.Write("new", "new"), _directory.Path + "/y", overwrite: true);
        var dump = new TestDump();
        OpenFile a = dump.Add(lost), b = dump.Add(replaced);
        var restore = new TestRestore(dump);

        FileDescriptor lost2 = restore.Survive(new DeletedFile(), a), replaced2 = restore.Survive(new DeletedFile(), b);
        restore.Finish();

        byte[] text = new byte[4];
        Assert.Equal(4, Linux.Files.ReadAt(lost2.Number, text, 0));
        Assert.Equal(3, Linux.Files.ReadAt(replaced2.Number, text, 0));
        Assert.Equal("new", File.ReadAllText(_directory.Path + "/y"));
        Assert.Single(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void A_lower_file_that_was_removed_while_it_is_open_travels_as_content()
    {
        foreach (string name in (string[])["lower/etc", "upper", "work", "root"]) Directory.CreateDirectory($"{_directory.Path}/{name}");
        File.WriteAllText(_directory.Path + "/lower/etc/conf", "text");
        using var process = new PuppetTask();
        process.MountOverlay(_directory.Path + "/lower", _directory.Path + "/upper", _directory.Path + "/work", _directory.Path + "/root");
        int fd = process.Open("/etc/conf", Linux.Files.O_RDONLY);
        process.Puppet.Call("unlink", Syscall.unlink, process.Puppet.Put("/etc/conf"));
        var dump = new TestDump(_directory.Path, process.Pid, _directory.Path + "/lower");
        OpenFile file = dump.Add(dump.AddTask([process.Pid, 1]), fd);
        Assert.IsType<DeletedFile>(ResourceCatalog.Files.First(r => r.Owns(file)));

        using FileDescriptor restored = TestRestore.Alone(new DeletedFile(), dump, file, process.Pid);

        byte[] text = new byte[4];
        Linux.Files.Read(restored.Number, text);
        Assert.Equal("text"u8, text);
        Assert.Equal(FileStat.S_IFCHR, Linux.Files.TryStat(_directory.Path + "/upper/etc/conf")!.Value.Type);
    }
}
