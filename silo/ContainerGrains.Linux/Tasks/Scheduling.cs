using System.Globalization;

namespace ContainerGrains.Linux;

/// <summary>How a thread is scheduled, by its real tid (0: the calling thread): sched_getattr(2), sched_getaffinity(2), ioprio_get(2), get_robust_list(2).</summary>
public static unsafe class Scheduling
{
    private const int IOPRIO_WHO_PROCESS = 1, PRIO_PROCESS = 0;
    /// <summary>Bytes of a CPU mask: 8192 CPUs, the most that Linux can be built for.</summary>
    private const int MaskBytes = 1024;

    public static SchedAttr GetAttr(int tid)
    {
        SchedAttr attr = default;
        Kernel.Call("sched_getattr", Syscall.sched_getattr, tid, (long)(&attr), sizeof(SchedAttr), 0, pid: tid);
        return attr;
    }

    /// <exception cref="LinuxException">EPERM: needs CAP_SYS_NICE, or the cgroup has no real-time budget; EBUSY: no deadline bandwidth left.</exception>
    public static void SetAttr(int tid, SchedAttr attr)
    {
        attr.Size = (uint)sizeof(SchedAttr);
        Kernel.Call("sched_setattr", Syscall.sched_setattr, tid, (long)(&attr), 0, pid: tid);
    }

    /// <summary>The same; false when the kernel, or the thread's cgroup, does not allow it.</summary>
    public static bool TrySetAttr(int tid, SchedAttr attr)
    {
        attr.Size = (uint)sizeof(SchedAttr);
        return Kernel.Raw(Syscall.sched_setattr, tid, (long)(&attr), 0) >= 0;
    }

    /// <summary>Nice value of an ordinary thread, -20 to 19: setpriority(2).</summary>
    /// <exception cref="LinuxException">EACCES: to lower it needs CAP_SYS_NICE.</exception>
    public static void SetNice(int tid, int nice) => Kernel.Call("setpriority", Syscall.setpriority, PRIO_PROCESS, tid, nice, pid: tid);

    /// <summary>The CPUs that the thread may use, bit n of byte n / 8 for CPU n, without trailing zeroes.</summary>
    public static byte[] GetAffinity(int tid)
    {
        byte* mask = stackalloc byte[MaskBytes];
        int length = (int)Kernel.Call("sched_getaffinity", Syscall.sched_getaffinity, tid, MaskBytes, (long)mask, pid: tid);
        while (length > 0 && mask[length - 1] == 0) length--;
        return new ReadOnlySpan<byte>(mask, length).ToArray();
    }

    /// <exception cref="LinuxException">EINVAL: none of these CPUs exists here or is allowed by the cpuset.</exception>
    public static void SetAffinity(int tid, ReadOnlySpan<byte> cpus)
    {
        fixed (byte* mask = cpus)
            Kernel.Call("sched_setaffinity", Syscall.sched_setaffinity, tid, cpus.Length, (long)mask, pid: tid);
    }

    /// <summary>ns; 0 of a real-time thread.</summary>
    public static long GetTimerSlack(int tid) => long.Parse(Files.ReadText(TimerSlackPath(tid)), CultureInfo.InvariantCulture);

    /// <exception cref="LinuxException">EPERM: of another process it needs CAP_SYS_NICE.</exception>
    public static void SetTimerSlack(int tid, long ns) => Files.WriteText(TimerSlackPath(tid), ns.ToString(CultureInfo.InvariantCulture));

    private static string TimerSlackPath(int tid) => string.Create(CultureInfo.InvariantCulture, $"/proc/{tid}/timerslack_ns");

    public static int GetIoPriority(int tid) => (int)Kernel.Call("ioprio_get", Syscall.ioprio_get, IOPRIO_WHO_PROCESS, tid, pid: tid);

    /// <exception cref="LinuxException">EPERM: the real-time class needs CAP_SYS_ADMIN or CAP_SYS_NICE.</exception>
    public static void SetIoPriority(int tid, int priority) => Kernel.Call("ioprio_set", Syscall.ioprio_set, IOPRIO_WHO_PROCESS, tid, priority, pid: tid);

    /// <summary>Head of the thread's list of robust futexes; 0 when it registered none.</summary>
    public static RemoteAddress GetRobustList(int tid)
    {
        ulong head, length;
        Kernel.Call("get_robust_list", Syscall.get_robust_list, tid, (long)(&head), (long)(&length), pid: tid);
        return new RemoteAddress(head);
    }
}
