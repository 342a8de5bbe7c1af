using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Tells since when threads sleep, from se.exec_start in /proc/PID/task/TID/sched. That is the scheduler's clock, which differs
/// from CLOCK_MONOTONIC by an amount of each CPU's own (its stolen time): one of these is made for each operation, before the
/// freeze, and measures the CPUs it meets by napping on them.
/// </summary>
public sealed class SleepClock
{
    private const int CpuField = 39;
    private const double NsPerMs = 1e6;
    private readonly Dictionary<int, long?> _offsetNs = [];

    /// <summary>When a running or sleeping thread last ran; null when it is gone or the kernel does not tell (no CONFIG_SCHED_DEBUG).</summary>
    public SleepSample? Observe(int pid, int tid)
    {
        if (ThreadIds.TryRead($"/proc/{pid}/task/{tid}/stat") is not { } stat) return null;
        if (Offset((int)ProcStat.Parse(stat).Field(CpuField)) is not { } offset) return null;
        return TryReadSched(pid, tid) is var (startNs, switches) ? new SleepSample(startNs + offset, switches) : null;
    }

    /// <summary>How often a thread has given up the CPU; -1 when that cannot be read.</summary>
    public static long Switches(int pid, int tid) => TryReadSched(pid, tid)?.Switches ?? -1;

    private long? Offset(int cpu)
    {
        if (!_offsetNs.TryGetValue(cpu, out long? offset)) _offsetNs.Add(cpu, offset = Measure(cpu));
        return offset;
    }

    private static long? Measure(int cpu)
    {
        byte[] before = Scheduling.GetAffinity(0);
        try
        {
            byte[] one = new byte[cpu / 8 + 1];
            one[cpu / 8] = (byte)(1 << (cpu % 8));
            Scheduling.SetAffinity(0, one);
            Clocks.Nap();
            // The clock is read last: a sleep may then seem to have begun too late by what reading takes, never too early.
            return TryReadSched(Environment.ProcessId, (int)Kernel.Raw(Syscall.gettid)) is var (startNs, _) ? Clocks.MonotonicNs() - startNs : null;
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            // Our cpuset does not have this CPU.
            return null;
        }
        finally
        {
            Scheduling.SetAffinity(0, before);
        }
    }

    private static (long StartNs, long Switches)? TryReadSched(int pid, int tid)
    {
        if (ThreadIds.TryRead($"/proc/{pid}/task/{tid}/sched") is not { } text) return null;
        var fields = new ProcFields("sched", text);
        if (!fields.Has("se.exec_start") || !fields.Has("nr_switches")) return null;
        return ((long)(double.Parse(fields["se.exec_start"], CultureInfo.InvariantCulture) * NsPerMs), fields.Int64("nr_switches"));
    }
}
