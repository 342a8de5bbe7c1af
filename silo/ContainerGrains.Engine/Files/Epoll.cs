using System.Globalization;
using System.Runtime.InteropServices;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// epoll(7). Interests are added last, when their targets exist. The kernel finds an interest again by description and number, so
/// it is added by a process that has the target under that number, if one is left. Edges that were reported already are reported
/// once more, which every user of EPOLLET must be able to take.
/// </summary>
public sealed class Epoll : FileResource<Epoll.Record>
{
    public sealed record Record(IReadOnlyList<Interest> Interests);

    /// <param name="Fd">Number under which it was added.</param>
    /// <param name="Events">EPOLL… bits; a one-shot that has fired has none but the private ones.</param>
    /// <param name="File">Number of the target's description in the image.</param>
    /// <param name="By">A process (virtual pid) and its descriptor of the epoll, where <paramref name="Fd"/> is the target; null when the number is used for something else now.</param>
    public sealed record Interest(int Fd, uint Events, ulong Data, int File, Place? By);
    public sealed record Place(int VirtualPid, int EpollFd);

    private const uint PrivateBits = Epolls.EPOLLWAKEUP | Epolls.EPOLLONESHOT | Epolls.EPOLLET | Epolls.EPOLLEXCLUSIVE;

    public override string Kind => "epoll";

    public override bool Owns(OpenFile file) => file.Link == "anon_inode:[eventpoll]";

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => Parse(file).FirstOrDefault(t => Find(file, t, context) is null) is { } lost
        ? ($"it watches what was descriptor {lost.Fd} and is open now only outside of the container or in a message between two sockets", "remove it from the epoll instance before closing it")
        : null;

    public override Record Dump(OpenFile file, DumpContext context) => new([.. Parse(file).Select(target =>
    {
        OpenFile found = Find(file, target, context) ?? throw new EngineException(EngineError.NotCarried, file.Stage(), $"it watches what was descriptor {target.Fd} and is not open in the container any more");
        return new Interest(target.Fd, target.Events, target.Data, found.Id, PlaceOf(file, found, target.Fd, context));
    })]);

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => Epolls.Create();

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        // A one-shot that has fired cannot be added switched off: it is added first, and an error or hang-up that it reports is taken away.
        Interest[] fired = [.. record.Interests.Where(i => HasFired(i.Events))];
        if (fired.Length > 0)
        {
            Add(fired, fd, context);
            Epolls.Take(fd.Number, new EpollEvent[fired.Length]);
        }
        Add([.. record.Interests.Where(i => !HasFired(i.Events))], fd, context);
    }

    private static bool HasFired(uint events) => (events & Epolls.EPOLLONESHOT) != 0 && (events & ~PrivateBits) == 0;

    private static void Add(Interest[] interests, FileDescriptor epoll, RestoreContext context)
    {
        foreach (IGrouping<Place?, Interest> group in interests.GroupBy(i => i.By))
        {
            if (group.Key is { } place && context.Task(place.VirtualPid) is { } task) AddIn(task, place.EpollFd, group);
            else foreach (Interest interest in group) AddHere(interest, epoll, context);
        }
    }

    private static void AddIn(TaskRestore task, int epoll, IEnumerable<Interest> interests)
    {
        const int atOnce = 64;
        foreach (Interest[] part in interests.Chunk(atOnce))
        {
            EpollEvent[] events = [.. part.Select(i => new EpollEvent(i.Events, i.Data))];
            RemoteAddress address = task.Agent.Put(MemoryMarshal.AsBytes(events.AsSpan()));
            RemoteCall[] calls = [.. part.Select((i, n) => new RemoteCall(Syscall.epoll_ctl, epoll, Epolls.EPOLL_CTL_ADD, i.Fd, address + n * Marshal.SizeOf<EpollEvent>()))];
            task.Agent.Run(calls, "epoll_ctl");
            task.Agent.ResetScratch();
        }
    }

    // The number has no meaning for any process now, but two interests in one file need two numbers.
    private static void AddHere(Interest interest, FileDescriptor epoll, RestoreContext context)
    {
        const int F_DUPFD_CLOEXEC = 1030;
        using var target = new FileDescriptor(Kernel.Call("fcntl(F_DUPFD_CLOEXEC)", Syscall.fcntl, context.File(interest.File).Number, F_DUPFD_CLOEXEC, interest.Fd));
        Epolls.Add(epoll.Number, target.Number, new EpollEvent(interest.Events, interest.Data));
    }

    private sealed record Target(int Fd, uint Events, ulong Data, ulong Inode, int Offset);

    // "tfd:        9 events: 80000019 data:                9  pos:0 ino:91ff sdev:f"
    private static List<Target> Parse(OpenFile file)
    {
        var targets = new List<Target>();
        foreach (string line in file.Info.Lines.Where(l => l.StartsWith("tfd:", StringComparison.Ordinal)))
        {
            string[] words = line.Split((char[])[' ', ':', '\t'], StringSplitOptions.RemoveEmptyEntries);
            int fd = int.Parse(words[1], CultureInfo.InvariantCulture);
            targets.Add(new Target(fd, uint.Parse(words[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture), ulong.Parse(words[5], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                ulong.Parse(words[9], NumberStyles.HexNumber, CultureInfo.InvariantCulture), targets.Count(t => t.Fd == fd)));
        }
        return targets;
    }

    private static OpenFile? Find(OpenFile epoll, Target target, DumpContext context)
    {
        OpenFile? likely = context.FileOf(epoll.Owner, target.Fd);
        if (likely is not null && IsTarget(epoll, target, likely)) return likely;
        return context.OpenFiles.FirstOrDefault(f => f != likely && IsTarget(epoll, target, f));
    }

    private static bool IsTarget(OpenFile epoll, Target target, OpenFile file) =>
        Kcmp.IsEpollTarget(file.Owner.Pid, file.Number, epoll.Owner.Pid, epoll.Number, target.Fd, target.Offset);

    private static Place? PlaceOf(OpenFile epoll, OpenFile target, int number, DumpContext context)
    {
        foreach (TaskDump task in context.Tasks)
        {
            if (context.FileOf(task, number) != target) continue;
            if (task.Descriptors.Values.FirstOrDefault(d => d.File == epoll) is { } descriptor) return new Place(task.VirtualPid, descriptor.Number);
        }
        return null;
    }
}
