using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>siginfo_t of queued signals: what can be queued again, and how.</summary>
internal static class SignalQueue
{
    private const int InfoBytes = 128, SignalOffset = 0, CodeOffset = 8, TimerPrivateOffset = 32;
    private const int SI_TIMER = -2;

    /// <summary>The signal as it is to be queued again.</summary>
    /// <exception cref="EngineException">NotCarried: a SIGTRAP, which injected batches would eat.</exception>
    public static byte[] Check(byte[] info, string title)
    {
        int signal = BinaryPrimitives.ReadInt32LittleEndian(info.AsSpan(SignalOffset));
        if (signal == Signals.SIGTRAP)
            throw new EngineException(EngineError.NotCarried, $"dump: {title}", "a SIGTRAP is pending, as in a program that is being debugged; let it be handled and try again");
        // The kernel's own note, by which it re-arms the timer: a timer that is restored is armed anyway.
        if (BinaryPrimitives.ReadInt32LittleEndian(info.AsSpan(CodeOffset)) == SI_TIMER)
            BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(TimerPrivateOffset), 0);
        return info;
    }

    /// <summary>
    /// Blocks all signals but SIGTRAP in a process that is not let go yet, so that none is delivered to the injected loop; each
    /// thread's own mask is set when it is let go.
    /// </summary>
    public static void Hold(TaskRestore task)
    {
        foreach (ThreadRestore thread in task.Threads)
            Ptrace.SetSignalMask(thread.Agent.Tid, ~Signals.Bit(Signals.SIGTRAP));
    }

    /// <summary>
    /// Queues signals from inside the thread that gets them: only to itself may it send what looks as if it came from the
    /// kernel (si_code of 0 and above).
    /// </summary>
    public static void Send(Puppet agent, IReadOnlyList<byte[]> signals, string title, string kind, Func<RemoteAddress, int, RemoteCall> call)
    {
        const int batch = 512;
        for (int start = 0; start < signals.Count; start += batch)
        {
            var calls = new CallList(agent);
            foreach (byte[] info in signals.Skip(start).Take(batch))
            {
                int signal = info.Length == InfoBytes ? BinaryPrimitives.ReadInt32LittleEndian(info) : 0;
                if (signal is < 1 or > Signals.Last or Signals.SIGTRAP)
                    throw new EngineException(EngineError.BadImage, $"restore: {title}, {kind}", $"signal {signal} with {info.Length} bytes cannot be queued; the image is damaged");
                RemoteCall made = call(calls.Put(info), signal);
                calls.Add((int)made.Number, made.A0, made.A1, made.A2, made.A3);
            }
            calls.Run(kind, title);
        }
    }
}
