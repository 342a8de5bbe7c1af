namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class InotifyTests : IDisposable
{
    private const uint IN_CREATE = 0x100, IN_MODIFY = 2;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Watches_keep_their_numbers_and_masks()
    {
        using FileDescriptor original = Inotifies.Create();
        foreach (string name in (string[])["a", "b", "c"]) Directory.CreateDirectory($"{_directory.Path}/{name}");
        int a = Watch(original, "a", IN_CREATE), b = Watch(original, "b", IN_CREATE), c = Watch(original, "c", IN_CREATE | IN_MODIFY);
        Inotifies.Remove(original.Number, b);
        Inotifies.Drain(original.Number);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        Assert.Null(new Inotify().Refuses(file, dump.Context));

        using FileDescriptor restored = TestRestore.Alone(new Inotify(), dump, file);
        Inotifies.Drain(restored.Number);

        Assert.Equal(Lines(original), Lines(restored));
        File.WriteAllText(_directory.Path + "/c/new", "");
        byte[] e = new byte[64];
        Assert.True(Linux.Files.Read(restored.Number, e) >= 16);
        Assert.Equal((c, IN_CREATE), (BitConverter.ToInt32(e), BitConverter.ToUInt32(e, 4)));
        GC.KeepAlive(a);
    }

    [Fact]
    public void Nothing_is_told_of_the_watches_that_were_counted_over()
    {
        using FileDescriptor original = Inotifies.Create();
        for (int i = 0; i < 300; i++) Inotifies.Remove(original.Number, Watch(original, "", IN_CREATE));
        Assert.Equal(301, Watch(original, "", IN_CREATE));
        for (int i = 0; i < 20; i++) Inotifies.Drain(original.Number);
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new Inotify(), dump, dump.Add(original));

        Assert.Equal(Lines(original), Lines(restored));
        Assert.Equal(0, Pipes.Unread(restored.Number));
    }

    [Fact]
    public void Events_that_are_not_read_are_waited_for()
    {
        using FileDescriptor original = Inotifies.Create();
        Watch(original, "", IN_CREATE);
        _directory.Write("x", "");
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        Assert.Contains("events", new Inotify().Delays(file, dump.Context)!.Value.Reason);

        Inotifies.Drain(original.Number);
        Assert.Null(new Inotify().Delays(file, dump.Context));
    }

    [Fact]
    public void Watches_in_an_overlay_are_found_in_either_layer()
    {
        foreach (string name in (string[])["lower/etc/deep", "upper", "work", "root"]) Directory.CreateDirectory($"{_directory.Path}/{name}");
        File.WriteAllText(_directory.Path + "/lower/etc/deep/conf", "text");
        using var process = new PuppetTask();
        process.MountOverlay(_directory.Path + "/lower", _directory.Path + "/upper", _directory.Path + "/work", _directory.Path + "/root");
        process.Puppet.Call("mkdir", Syscall.mkdir, process.Puppet.Put("/new"), 0x1ED);
        using FileDescriptor original = Inotifies.Create();
        process.Give(original, 5);
        string[] paths = ["/etc/deep", "/new", "/etc/deep/conf", "/"];
        foreach (string path in paths) process.Puppet.Call("inotify_add_watch", Syscall.inotify_add_watch, 5, process.Puppet.Put(path), IN_MODIFY);
        process.Puppet.ResetScratch();
        var dump = new TestDump(_directory.Path, process.Pid, _directory.Path + "/lower");
        OpenFile file = dump.Add(dump.AddTask([process.Pid, 1]), 5);

        Inotify.Record record = new Inotify().Dump(file, dump.Context);

        Assert.Equal(paths, record.Watches.Select(w => w.Path));
        using FileDescriptor restored = TestRestore.Alone(new Inotify(), dump, file, process.Pid);
        Assert.Equal(Lines(original), Lines(restored));
    }

    private int Watch(FileDescriptor inotify, string name, uint mask)
    {
        using FileDescriptor path = Linux.Files.Open($"{_directory.Path}/{name}", Linux.Files.O_PATH);
        return Inotifies.Watch(inotify.Number, path.Number, mask);
    }

    private static string[] Lines(FileDescriptor inotify) =>
        [.. ProcFields.Read($"/proc/self/fdinfo/{inotify.Number}").Lines.Where(l => l.StartsWith("inotify ", StringComparison.Ordinal)).Order()];
}
