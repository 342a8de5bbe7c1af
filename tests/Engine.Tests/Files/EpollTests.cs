namespace ContainerGrains.Engine.Tests.FileRooms;

public sealed class EpollTests
{
    [Fact]
    public void Interests_are_added_under_the_numbers_the_process_knows()
    {
        using var process = new PuppetTask();
        using FileDescriptor epoll = Epolls.Create(), one = Counter(1), two = Counter(0);
        process.Give(epoll, 10);
        process.Give(one, 11);
        process.Give(two, 12);
        AddIn(process, 10, 11, Epolls.EPOLLIN | Epolls.EPOLLET, 0xFEDCBA9876543210);
        AddIn(process, 10, 12, Epolls.EPOLLIN | Epolls.EPOLLONESHOT, 12);
        var dump = new TestDump();
        TaskDump task = dump.AddTask([process.Pid, 7]);
        OpenFile epollFile = dump.Add(task, 10), oneFile = dump.Add(task, 11), twoFile = dump.Add(task, 12);

        using var target = new PuppetTask();
        var restore = new TestRestore(dump, [target.AsRestored(7)]);
        FileDescriptor epoll2 = restore.Survive(new Epoll(), epollFile), one2 = restore.Survive(new EventFd(), oneFile), two2 = restore.Survive(new EventFd(), twoFile);
        target.Give(epoll2, 10);
        target.Give(one2, 11);
        target.Give(two2, 12);
        restore.Finish();

        Assert.Equal(Interests(process, 10), Interests(target, 10));
        var events = new EpollEvent[2];
        Assert.Equal(1, Epolls.Take(epoll2.Number, events));
        Assert.Equal(0xFEDCBA9876543210, events[0].Data);
        Linux.Files.WriteAll(two2.Number, BitConverter.GetBytes(1L));
        Assert.Equal(1, Epolls.Take(epoll2.Number, events));
        Assert.Equal(12ul, events[0].Data);
    }

    [Fact]
    public void A_target_whose_number_was_closed_but_lives_on_under_another_is_found()
    {
        using FileDescriptor epoll = Epolls.Create();
        FileDescriptor first = Counter(1);
        Epolls.Add(epoll.Number, first.Number, new EpollEvent(Epolls.EPOLLIN, 5));
        using FileDescriptor copy = Linux.Files.Duplicate(first.Number);
        first.Dispose();
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile epollFile = dump.Add(epoll), counter = dump.Add(copy);
        Assert.Null(new Epoll().Refuses(epollFile, dump.Context));

        FileDescriptor epoll2 = restore.Survive(new Epoll(), epollFile);
        restore.Survive(new EventFd(), counter);
        restore.Finish();

        var events = new EpollEvent[2];
        Assert.Equal(1, Epolls.Take(epoll2.Number, events));
        Assert.Equal(5ul, events[0].Data);
    }

    [Fact]
    public void A_one_shot_that_has_fired_stays_switched_off()
    {
        using FileDescriptor epoll = Epolls.Create(), counter = Counter(1);
        Epolls.Add(epoll.Number, counter.Number, new EpollEvent(Epolls.EPOLLIN | Epolls.EPOLLONESHOT, 1));
        var events = new EpollEvent[2];
        Assert.Equal(1, Epolls.Take(epoll.Number, events));
        var dump = new TestDump();
        var restore = new TestRestore(dump);
        OpenFile epollFile = dump.Add(epoll), counterFile = dump.Add(counter);

        FileDescriptor epoll2 = restore.Survive(new Epoll(), epollFile);
        restore.Survive(new EventFd(), counterFile);
        restore.Finish();

        Assert.Equal(0, Epolls.Take(epoll2.Number, events));
    }

    [Fact]
    public void A_target_that_is_open_only_outside_is_refused()
    {
        using FileDescriptor epoll = Epolls.Create(), outside = Counter(0);
        Epolls.Add(epoll.Number, outside.Number, new EpollEvent(Epolls.EPOLLIN, 1));
        var dump = new TestDump();

        Assert.Contains($"descriptor {outside.Number}", new Epoll().Refuses(dump.Add(epoll), dump.Context)!.Value.Reason);
    }

    private static FileDescriptor Counter(int value) => new(Kernel.Call("eventfd2", Syscall.eventfd2, value, Linux.Files.O_CLOEXEC));

    private static void AddIn(PuppetTask process, int epoll, int fd, uint events, ulong data)
    {
        RemoteAddress address = process.Puppet.Put(new EpollEvent(events, data));
        process.Puppet.Call("epoll_ctl", Syscall.epoll_ctl, epoll, Epolls.EPOLL_CTL_ADD, fd, address);
        process.Puppet.ResetScratch();
    }

    private static string[] Interests(PuppetTask process, int epoll) =>
        [.. ProcFields.Read($"/proc/{process.Pid}/fdinfo/{epoll}").Lines.Where(l => l.StartsWith("tfd:", StringComparison.Ordinal)).Select(l => l[..l.IndexOf("pos:", StringComparison.Ordinal)]).Order()];
}
