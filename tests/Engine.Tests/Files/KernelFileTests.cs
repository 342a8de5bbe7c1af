namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class KernelFileTests
{
    [Theory]
    [InlineData("/proc/sys/kernel/pid_max")]
    [InlineData("/proc/1/status")]
    [InlineData("/sys/kernel/mm")]
    public void A_file_of_the_kernel_is_opened_again_by_its_path(string path)
    {
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDONLY);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        Assert.IsType<KernelFile>(ResourceCatalog.Files.First(r => r.Owns(file)));
        Assert.Null(new KernelFile().Refuses(file, dump.Context));

        using FileDescriptor restored = TestRestore.Alone(new KernelFile(), dump, file);

        Assert.Equal(path, Linux.Files.ReadLink($"/proc/self/fd/{restored.Number}"));
    }

    [Fact]
    public void A_file_about_a_process_that_has_ended_is_refused()
    {
        var process = new PuppetTask();
        using FileDescriptor original = Linux.Files.Open($"/proc/{process.Pid}/status", Linux.Files.O_RDONLY);
        process.Dispose();
        var dump = new TestDump();

        Assert.Contains("ended", new KernelFile().Refuses(dump.Add(original), dump.Context)!.Value.Reason);
    }

    [Fact]
    public void A_namespace_becomes_that_of_the_same_process()
    {
        const long CLONE_NEWUTS = 0x4000000;
        using PuppetTask source = new(), target = new();
        source.Puppet.Call("unshare", Syscall.unshare, CLONE_NEWUTS);
        target.Puppet.Call("unshare", Syscall.unshare, CLONE_NEWUTS);
        using FileDescriptor original = Linux.Files.Open($"/proc/{source.Pid}/ns/uts", Linux.Files.O_RDONLY);
        var dump = new TestDump();
        dump.AddTask([source.Pid, 3]);
        OpenFile file = dump.Add(original);
        Assert.IsType<NamespaceFile>(ResourceCatalog.Files.First(r => r.Owns(file)));
        var restore = new TestRestore(dump, [target.AsRestored(3)]);

        using FileDescriptor restored = restore.Survive(new NamespaceFile(), file);

        Assert.Equal(Linux.Files.ReadLink($"/proc/{target.Pid}/ns/uts"), Linux.Files.ReadLink($"/proc/self/fd/{restored.Number}"));
    }

    [Fact]
    public void A_path_descriptor_points_at_its_path_again()
    {
        using var directory = new TemporaryDirectory();
        File.CreateSymbolicLink(directory.Path + "/link", "nowhere");
        using FileDescriptor original = Linux.Files.Open(directory.Path + "/link", Linux.Files.O_PATH | Linux.Files.O_NOFOLLOW);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);
        Assert.IsType<PathOnly>(ResourceCatalog.Files.First(r => r.Owns(file)));

        using FileDescriptor restored = TestRestore.Alone(new PathOnly(), dump, file);

        Assert.Equal(FileStat.S_IFLNK, Linux.Files.Stat(restored.Number).Type);
    }
}
