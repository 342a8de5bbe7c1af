using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A process's timers and pending signals at one moment. Timers go on while their owner is frozen: one that expired between the
/// reading of the two would be lost or fire twice. So signals are read before and after, and again when they differ.
/// </summary>
/// <param name="IntervalTimers">By number.</param>
/// <param name="PosixTimers">In the order of <see cref="ProcTimer.Of"/>.</param>
/// <param name="SharedSignals">siginfo_t of those for the process as a whole.</param>
/// <param name="OwnSignals">Those of each thread.</param>
internal sealed record TimerSnapshot(
    IReadOnlyList<IntervalTimer> IntervalTimers, IReadOnlyList<IntervalTimer> PosixTimers, IReadOnlyList<byte[]> SharedSignals, IReadOnlyDictionary<ThreadDump, List<byte[]>> OwnSignals)
{

    public static TimerSnapshot Of(TaskDump task, DumpContext context) => context.Once((typeof(TimerSnapshot), task), () => Take(task, context));

    private static TimerSnapshot Take(TaskDump task, DumpContext context)
    {
        IReadOnlyList<ProcTimer> posix = ProcTimer.Of(task, context);
        const int attempts = 8;
        for (int attempt = 1; ; attempt++)
        {
            int before = Ptrace.PeekSignals(task.Pid, shared: true).Count + task.Threads.Sum(t => Ptrace.PeekSignals(t.Tid, shared: false).Count);
            IntervalTimer[] timers = ReadTimers(task.Agent, posix);
            List<byte[]> shared = Ptrace.PeekSignals(task.Pid, shared: true);
            Dictionary<ThreadDump, List<byte[]>> own = task.Threads.ToDictionary(t => t, t => Ptrace.PeekSignals(t.Tid, shared: false));
            // Only more of them can have come: nothing is delivered to a frozen process.
            if (before == shared.Count + own.Values.Sum(s => s.Count) || attempt == attempts)
                return new TimerSnapshot(timers[..Engine.IntervalTimers.Count], timers[Engine.IntervalTimers.Count..], shared, own);
        }
    }

    private static IntervalTimer[] ReadTimers(Puppet agent, IReadOnlyList<ProcTimer> posix)
    {
        agent.ResetScratch();
        int count = Engine.IntervalTimers.Count + posix.Count;
        RemoteAddress answers = agent.Reserve(count * IntervalTimer.SizeBytes);
        var calls = new RemoteCall[count];
        for (int i = 0; i < count; i++)
        {
            RemoteAddress answer = answers + i * IntervalTimer.SizeBytes;
            calls[i] = i < Engine.IntervalTimers.Count
                ? new RemoteCall(Syscall.getitimer, i, answer)
                : new RemoteCall(Syscall.timer_gettime, posix[i - Engine.IntervalTimers.Count].Id, answer);
        }
        agent.Run(calls, "timers");
        byte[] memory = new byte[count * IntervalTimer.SizeBytes];
        RemoteMemory.Read(agent.Tid, answers, memory);
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, IntervalTimer>(memory).ToArray();
    }
}
