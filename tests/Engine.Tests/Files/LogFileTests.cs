namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class LogFileTests : IDisposable
{
    private readonly TemporaryDirectory _source = new(), _target = new();

    public void Dispose()
    {
        _source.Dispose();
        _target.Dispose();
    }

    [Fact]
    public void A_log_is_found_below_the_containers_directory_of_this_host()
    {
        Directory.CreateDirectory(_source.Path + "/logs/exec");
        Directory.CreateDirectory(_target.Path + "/logs/exec");
        File.WriteAllText(_target.Path + "/logs/exec/1.out", "so far\n");
        using FileDescriptor original = Linux.Files.Open(_source.Path + "/logs/exec/1.out", Linux.Files.O_WRONLY | Linux.Files.O_APPEND | Linux.Files.O_CREAT, 0x1A0);
        using PuppetTask process = InItsOwnMounts();
        process.Give(original, 1);
        var dump = new TestDump(_source.Path);
        OpenFile file = dump.Add(dump.AddTask([process.Pid, 1]), 1);
        Assert.Null(new LogFile().Refuses(file, dump.Context));

        using FileDescriptor restored = new TestRestore(dump, directory: _target.Path).Survive(new LogFile(), file);
        Linux.Files.WriteAll(restored.Number, "and on\n"u8);

        Assert.Equal("so far\nand on\n", File.ReadAllText(_target.Path + "/logs/exec/1.out"));
    }

    [Fact]
    public void Another_file_from_outside_is_refused()
    {
        Directory.CreateDirectory(_source.Path + "/logs");
        using FileDescriptor original = Linux.Files.Open(_source.Path + "/logs/x", Linux.Files.O_WRONLY | Linux.Files.O_CREAT, 0x1A0);
        using PuppetTask process = InItsOwnMounts();
        process.Give(original, 1);
        var dump = new TestDump(_target.Path);

        Assert.Contains("outside", new LogFile().Refuses(dump.Add(dump.AddTask([process.Pid, 1]), 1), dump.Context)!.Value.Reason);
    }

    [Fact]
    public void A_file_of_the_containers_own_that_is_called_so_is_no_log()
    {
        Directory.CreateDirectory(_source.Path + "/logs");
        using FileDescriptor original = Linux.Files.Open(_source.Path + "/logs/x", Linux.Files.O_WRONLY | Linux.Files.O_CREAT, 0x1A0);

        Assert.False(new LogFile().Owns(new TestDump(_source.Path).Add(original)));
    }

    private static PuppetTask InItsOwnMounts()
    {
        const long CLONE_NEWNS = 0x20000;
        var process = new PuppetTask();
        process.Puppet.Call("unshare", Syscall.unshare, CLONE_NEWNS);
        return process;
    }
}
