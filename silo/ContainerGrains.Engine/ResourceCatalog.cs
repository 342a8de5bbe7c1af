namespace ContainerGrains.Engine;

/// <summary>Every kind of resource that a checkpoint carries, in the order of its restore: one line each.</summary>
public static class ResourceCatalog
{
    public static readonly IReadOnlyList<TaskResource> Tasks =
    [
        new ForeignTracer(),
        new VforkInFlight(),
        new ThirtyTwoBit(),
        new ShadowStack(),
        new LocalDescriptorTable(),
        new Umask(),
        new Personality(),
        new OomScore(),
        new CoredumpFilter(),
        new TransparentHugePages(),
        new MemoryMerge(),
        new ChildSubreaper(),
        new SignalActions(),
        new PendingSignals(),
        new ResourceLimits(),
        new Seccomp(),
        new Credentials(),
        new Dumpable(),
        new IntervalTimers(),
        new PosixTimers(),
        new DenyWriteExecute(),
        new Landlock(),
    ];

    public static readonly IReadOnlyList<ThreadResource> Threads =
    [
        new ThreadName(),
        new AlternateStack(),
        new TidAddress(),
        new RobustList(),
        new Rseq(),
        new MemoryPolicy(),
        new Affinity(),
        new IoPriority(),
        new SchedulingPolicy(),
        new TimerSlack(), // Real-time threads have none.
        new PendingThreadSignals(),
        new ParentDeathSignal(),
        new TimeStampCounter(),
    ];

    /// <summary>The first that owns a description has it.</summary>
    public static readonly IReadOnlyList<FileResource> Files =
    [
        new PathOnly(),
        new Terminal(),
        new Device(),
        new Pipe(),
        new Fifo(),
        new EventFd(),
        new TimerFd(),
        new SignalFd(),
        new PidFd(),
        new Inotify(),
        new TcpListener(),
        new TcpConnection(),
        new UnixListener(),
        new UnixSocket(),
        new UdpSocket(),
        new NetlinkSocket(),
        new OtherSocket(),
        new Epoll(),
        new NamespaceFile(),
        new KernelFile(),
        new Memfd(),
        new LogFile(),
        new DeletedFile(),
        new OpenDirectory(),
        new RegularFile(),
        new Unknown(), // Last: it owns everything.
    ];
}
