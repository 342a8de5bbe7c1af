namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class UnknownTests
{
    [Fact]
    public void A_terminal_is_refused_by_its_own_room()
    {
        using FileDescriptor original = Linux.Files.Open("/dev/ptmx", Linux.Files.O_RDWR | Linux.Files.O_NOCTTY);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);

        FileResource room = ResourceCatalog.Files.First(r => r.Owns(file));

        Assert.IsType<Terminal>(room);
        Assert.Contains("terminals", room.Refuses(file, dump.Context)!.Value.Reason);
    }

    [Fact]
    public void An_io_uring_is_refused_with_a_remedy()
    {
        Span<byte> parameters = stackalloc byte[120];
        parameters.Clear();
        using FileDescriptor original = IoUring(parameters);
        var dump = new TestDump();
        OpenFile file = dump.Add(original);

        (string Reason, string Remedy)? refusal = ResourceCatalog.Files.First(r => r.Owns(file)).Refuses(file, dump.Context);

        Assert.Contains("io_uring", refusal!.Value.Reason);
        Assert.Contains("epoll", refusal.Value.Remedy);
    }

    [Fact]
    public void What_nobody_knows_is_refused_by_its_kernel_name()
    {
        using var original = new FileDescriptor(Kernel.Call("userfaultfd", Syscall.userfaultfd, 1));
        var dump = new TestDump();
        OpenFile file = dump.Add(original);

        Assert.NotNull(ResourceCatalog.Files.First(r => r.Owns(file)).Refuses(file, dump.Context));
        Assert.Throws<EngineException>(() => ((Unknown)ResourceCatalog.Files[^1]).Dump(file, dump.Context));
    }

    private static FileDescriptor IoUring(Span<byte> parameters)
    {
        using var process = new PuppetTask();
        RemoteAddress address = process.Puppet.Put(parameters);
        int number = (int)process.Puppet.Call("io_uring_setup", Syscall.io_uring_setup, 2, address);
        using var pidfd = new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, process.Pid, 0));
        return new FileDescriptor(Kernel.Call("pidfd_getfd", Syscall.pidfd_getfd, pidfd.Number, number, 0));
    }
}
