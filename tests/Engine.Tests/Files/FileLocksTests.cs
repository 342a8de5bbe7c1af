namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class FileLocksTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Locks_of_the_description_are_taken_again()
    {
        string path = _directory.Write("data", "0123456789");
        FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDWR);
        Assert.Equal(0, Locks.TryFlock(original.Number, Locks.LOCK_EX));
        Assert.Equal(0, Locks.TrySet(original.Number, Locks.F_OFD_SETLK, new FlockRange(Locks.F_RDLCK, 2, 3)));
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile file = dump.Add(original);
        FileDescriptor restored = restore.Survive(new RegularFile(), file);
        original.Dispose();
        file.Fd.Dispose();

        restore.Finish();

        using FileDescriptor other = Linux.Files.Open(path, Linux.Files.O_RDWR);
        Assert.Equal(-Errno.EAGAIN, Locks.TryFlock(other.Number, Locks.LOCK_SH));
        Assert.Equal(-Errno.EAGAIN, Locks.TrySet(other.Number, Locks.F_OFD_SETLK, new FlockRange(Locks.F_WRLCK, 4, 1)));
        Assert.Equal(0, Locks.TrySet(other.Number, Locks.F_OFD_SETLK, new FlockRange(Locks.F_RDLCK, 4, 1)));
        Assert.Equal(0, Locks.TrySet(other.Number, Locks.F_OFD_SETLK, new FlockRange(Locks.F_WRLCK, 5, 1)));
        GC.KeepAlive(restored);
    }

    [Fact]
    public void A_POSIX_lock_belongs_to_its_process_again_even_when_another_shares_the_description()
    {
        string path = _directory.Write("data", "0123456789");
        using var parent = new PuppetTask();
        using (FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDWR)) parent.Give(original, 9);
        using PuppetTask child = parent.Fork();
        Lock(child, 9, Locks.F_WRLCK, 1, 0);
        var dump = new TestDump();
        TaskDump parentTask = dump.AddTask([parent.Pid, 5]), childTask = dump.AddTask([child.Pid, 6]);
        childTask.AgentOrNull = child.Puppet;
        OpenFile file = dump.Add(parentTask, 9);
        Assert.Same(file, dump.Add(childTask, 9));
        using var target = new PuppetTask();
        using PuppetTask targetChild = target.Fork();
        var restore = new TestRestore(dump, [target.AsRestored(5), targetChild.AsRestored(6)]);

        FileDescriptor restored = restore.Survive(new RegularFile(), file);
        target.Give(restored, 9);
        targetChild.Give(restored, 9);
        child.Dispose();
        restore.Finish();

        Assert.Contains(ProcFields.Read($"/proc/{targetChild.Pid}/fdinfo/9").Lines, l => l.Contains("POSIX") && l.Contains("WRITE") && l.EndsWith("1 EOF", StringComparison.Ordinal));
        Assert.DoesNotContain(ProcFields.Read($"/proc/{target.Pid}/fdinfo/9").Lines, l => l.Contains("POSIX"));
    }

    [Fact]
    public void A_lock_that_somebody_has_on_the_target_fails_the_restore()
    {
        string path = _directory.Write("data", "0123456789");
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDWR);
        Assert.Equal(0, Locks.TryFlock(original.Number, Locks.LOCK_EX));
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        restore.Survive(new RegularFile(), dump.Add(original));
        using FileDescriptor other = Linux.Files.Open(path, Linux.Files.O_RDWR);
        Assert.Equal(0, Locks.TryFlock(other.Number, Locks.LOCK_EX));

        EngineException e = Assert.Throws<EngineException>(restore.Finish);

        Assert.Contains("another process", e.Message);
    }

    [Fact]
    public void A_lock_on_a_volume_is_handed_over_and_taken_back_when_the_container_thaws()
    {
        string path = _directory.Write("data", "0123456789");
        using FileDescriptor original = Linux.Files.Open(path, Linux.Files.O_RDWR);
        Assert.Equal(0, Locks.TryFlock(original.Number, Locks.LOCK_EX));
        var dump = new TestDump();
        var restore = new TestRestore(dump);

        FileDescriptor restored = restore.Survive(new RegularFile(), dump.Add(original));
        restore.Finish();
        Assert.Equal(-Errno.EAGAIN, Locks.TryFlock(original.Number, Locks.LOCK_EX));
        restored.Dispose();
        dump.Context.Thaw();

        using FileDescriptor other = Linux.Files.Open(path, Linux.Files.O_RDWR);
        Assert.Equal(-Errno.EAGAIN, Locks.TryFlock(other.Number, Locks.LOCK_EX));
    }

    [Fact]
    public void A_lease_is_refused()
    {
        const int F_SETLEASE = 1024;
        using FileDescriptor original = Linux.Files.Open(_directory.Write("data", ""), Linux.Files.O_RDONLY);
        Kernel.Call("fcntl(F_SETLEASE)", Syscall.fcntl, original.Number, F_SETLEASE, Locks.F_RDLCK);
        var dump = new TestDump();

        Assert.Contains("lease", new RegularFile().Refuses(dump.Add(original), dump.Context)!.Value.Reason);
    }

    private static void Lock(PuppetTask process, int fd, short type, long start, long length)
    {
        process.Puppet.Call("fcntl", Syscall.fcntl, fd, Locks.F_SETLK, process.Puppet.Put(new FlockRange(type, start, length)));
        process.Puppet.ResetScratch();
    }
}
