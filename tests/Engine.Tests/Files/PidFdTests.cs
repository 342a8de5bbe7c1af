namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class PidFdTests
{
    [Fact]
    public void It_refers_to_the_same_virtual_pid_under_another_real_one()
    {
        using PuppetTask original = new(), target = new();
        using FileDescriptor pidfd = Open(original.Pid);
        var dump = new TestDump();
        dump.AddTask([original.Pid, 12]);
        OpenFile file = dump.Add(pidfd);
        Assert.Null(new PidFd().Refuses(file, dump.Context));
        var restore = new TestRestore(dump, [target.AsRestored(12)]);

        using FileDescriptor restored = restore.Survive(new PidFd(), file);

        Assert.Equal(target.Pid, ProcFields.Read($"/proc/self/fdinfo/{restored.Number}").Int32("Pid"));
    }

    [Fact]
    public void One_of_an_ended_process_stays_readable_for_ever()
    {
        var original = new PuppetTask();
        using FileDescriptor pidfd = Open(original.Pid);
        original.Dispose();
        var dump = new TestDump();

        using FileDescriptor restored = TestRestore.Alone(new PidFd(), dump, dump.Add(pidfd));

        Assert.Equal(-1, ProcFields.Read($"/proc/self/fdinfo/{restored.Number}").Int32("Pid"));
    }

    [Fact]
    public void A_process_outside_is_refused()
    {
        using PuppetTask outside = new();
        using FileDescriptor pidfd = Open(outside.Pid);
        var dump = new TestDump();

        Assert.Contains("outside", new PidFd().Refuses(dump.Add(pidfd), dump.Context)!.Value.Reason);
    }

    private static FileDescriptor Open(int pid) => new(Kernel.Call("pidfd_open", Syscall.pidfd_open, pid, 0));
}
