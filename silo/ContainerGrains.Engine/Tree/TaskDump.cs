using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A process while it is dumped: frozen, all threads stopped and seized.</summary>
public sealed class TaskDump(IReadOnlyList<int> pids, ProcStat stat, ProcFields status)
{
    /// <summary>Its pid on every level, from the host inwards.</summary>
    public IReadOnlyList<int> Pids { get; } = pids;
    public int Pid => Pids[0];
    public int VirtualPid => Pids[^1];

    /// <summary>/proc/PID/stat and /proc/PID/status, read while frozen.</summary>
    public ProcStat Stat { get; } = stat;
    public ProcFields Status { get; } = status;

    public bool IsZombie => Stat.State == 'Z';

    /// <summary>By job control (SIGSTOP and its like).</summary>
    public bool IsStopped => Stat.State == 'T';

    /// <summary>For messages: "process 7 (redis-server)".</summary>
    public string Title => $"process {VirtualPid} ({Stat.Comm})";

    /// <summary>The main thread, infested: runs calls inside the process. Null for zombies, and before the agents are in.</summary>
    public Puppet? AgentOrNull { get; set; }
    public Puppet Agent => AgentOrNull ?? throw new InvalidOperationException($"{Title} has no agent");

    /// <summary>A syscall instruction in its vdso.</summary>
    public RemoteAddress SyscallInstruction { get; set; }

    /// <summary>Main thread first.</summary>
    public List<ThreadDump> Threads { get; } = [];

    /// <summary>By descriptor number.</summary>
    public SortedDictionary<int, Descriptor> Descriptors { get; } = [];
}

/// <summary>A thread while it is dumped.</summary>
public sealed class ThreadDump(TaskDump task, Tracee tracee, int virtualTid, Regs regs)
{
    public TaskDump Task { get; } = task;
    public Tracee Tracee { get; } = tracee;
    public int Tid => Tracee.Tid;
    public int VirtualTid { get; } = virtualTid;
    /// <summary>As the kernel gave them at the stop, restart codes and all.</summary>
    public Regs RawRegs { get; } = regs;
    /// <summary>As the restored thread is to have them, let go from a stop in the kernel's signal path; <see cref="SyscallRestart"/> sets them.</summary>
    public Regs Regs { get; set; } = regs;
    /// <summary>As this thread is to have them when the container thaws here; <see cref="SyscallRestart"/> sets them.</summary>
    public Regs ResumeRegs { get; set; } = regs;
    /// <summary>Signal mask before the stop.</summary>
    public ulong SignalMask { get; set; }
    /// <summary>Runs calls in this very thread.</summary>
    public Puppet? AgentOrNull { get; set; }
    public Puppet Agent => AgentOrNull ?? throw new InvalidOperationException($"thread {VirtualTid} has no agent");
    /// <summary>How it was scheduled before the freeze made it urgent; null: it still is.</summary>
    public Urgency.Before? Scheduling { get; set; }
    /// <summary>When it last ran, as <see cref="SleepClock.Observe"/> saw it before the freeze; null: not known, and a sleep may last longer than asked.</summary>
    public SleepSample? Sleep { get; set; }
}

/// <summary>A number in a descriptor table.</summary>
public sealed record Descriptor(int Number, bool CloseOnExec, OpenFile File);

/// <summary>An open file description of the container, borrowed by the engine with pidfd_getfd.</summary>
public sealed class OpenFile(int id, TaskDump owner, int number, FileDescriptor fd, FileStat stat, string link, ProcFields info)
{
    /// <summary>Number of the description in the image.</summary>
    public int Id { get; } = id;
    /// <summary>A process that has it open, and as which descriptor.</summary>
    public TaskDump Owner { get; } = owner;
    public int Number { get; } = number;
    /// <summary>Our own descriptor of the same description.</summary>
    public FileDescriptor Fd { get; } = fd;
    public FileStat Stat { get; } = stat;
    /// <summary>/proc/PID/fd/N: a path inside the container, "socket:[…]", "anon_inode:[eventpoll]", "/tmp/x (deleted)" …</summary>
    public string Link { get; } = link;
    /// <summary>/proc/PID/fdinfo/N.</summary>
    public ProcFields Info { get; } = info;
    /// <summary>O_… flags of the description.</summary>
    public int Flags { get; } = info.Octal("flags") & ~Linux.Files.O_CLOEXEC;
    public long Position { get; } = info.Int64("pos");

    public string Title => $"descriptor {Number} ({Link})";
}
