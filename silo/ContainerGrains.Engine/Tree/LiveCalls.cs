using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>System calls inside a thread that runs: it is stopped for a moment, and goes on as if nothing had happened.</summary>
internal static class LiveCalls
{
    /// <param name="mark">Stands meanwhile; null: nobody would look for it.</param>
    /// <param name="calls">Given the stopped thread and a <c>syscall</c> instruction of its process.</param>
    /// <exception cref="LinuxException">ESRCH: it has ended; EPERM of PTRACE_SEIZE: it is about to, or is traced by somebody else.</exception>
    public static T Make<T>(Mark? mark, int pid, int tid, Func<Tracee, RemoteAddress, T> calls)
    {
        SleepSample? sleep = new SleepClock().Observe(pid, tid);
        ProcFields status = ProcFields.Read($"/proc/{pid}/status");
        var task = new TaskDump(status.Int32s("NSpid"), ProcStat.Read(pid), status);
        using Mark.Standing? standing = mark?.Set();
        Tracee tracee = Tracee.Seize(tid, Ptrace.PTRACE_O_SUSPEND_SECCOMP);
        tracee.InterruptAndWait();
        var thread = new ThreadDump(task, tracee, virtualTid: 0, tracee.Regs) { Sleep = sleep };
        ulong mask = Ptrace.GetSignalMask(tid);
        try
        {
            SyscallRestart.Prepare(thread, Clocks.MonotonicNs());
            Ptrace.SetSignalMask(tid, ulong.MaxValue);
            return calls(tracee, VdsoCode.FindSyscall(pid, MapEntry.Read(pid)));
        }
        finally
        {
            tracee.Regs = thread.ResumeRegs;
            tracee.Park();
            Ptrace.SetSignalMask(tid, mask);
            tracee.Detach();
        }
    }
}
