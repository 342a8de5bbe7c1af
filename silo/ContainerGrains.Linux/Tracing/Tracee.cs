namespace ContainerGrains.Linux;

/// <summary>
/// A seized thread of another process. It belongs to the thread that seized it; all methods but <see cref="Tid"/> need it stopped
/// unless they say otherwise.
/// </summary>
public class Tracee
{
    public const int Options = Ptrace.PTRACE_O_TRACESYSGOOD | Ptrace.PTRACE_O_TRACEFORK | Ptrace.PTRACE_O_TRACEVFORK | Ptrace.PTRACE_O_TRACECLONE | Ptrace.PTRACE_O_TRACEEXEC;

    public Tracee(int tid) => Tid = tid;

    /// <summary>Real thread id on the host.</summary>
    public int Tid { get; }

    /// <summary>Whether it was seen to exit; nothing can be asked of it then.</summary>
    public bool IsGone { get; private set; }

    /// <summary>Seizes a running thread; it runs on until <see cref="Interrupt"/>.</summary>
    /// <exception cref="LinuxException">ESRCH: gone; EPERM: traced by someone else.</exception>
    public static Tracee Seize(int tid, int extraOptions = 0)
    {
        Ptrace.Seize(tid, Options | extraOptions);
        return new Tracee(tid);
    }

    /// <summary>Asks a running thread to stop; <see cref="WaitForStop"/> sees it arrive.</summary>
    public void Interrupt() => Ptrace.Interrupt(Tid);

    /// <summary>Waits until it stops or is gone.</summary>
    public WaitStatus WaitForStop()
    {
        WaitStatus status = WaitStatus.Wait(Tid).Status;
        if (status.IsGone) IsGone = true;
        return status;
    }

    /// <exception cref="LinuxException">ESRCH: it exited instead.</exception>
    public WaitStatus WaitForStopOrThrow(string what)
    {
        WaitStatus status = WaitForStop();
        return IsGone ? throw new LinuxException($"{what}: thread {status}", Errno.ESRCH, Tid) : status;
    }

    public Regs Regs
    {
        get => Ptrace.GetRegs(Tid);
        set => Ptrace.SetRegs(Tid, value);
    }

    public void Continue(int request = Ptrace.PTRACE_CONT) => Ptrace.Call("ptrace(resume)", request, Tid);

    public void Detach() => Ptrace.Detach(Tid);

    /// <summary>
    /// Runs one system call in the thread, by syscall-entry and -exit stops: no signal is involved and nothing is written into
    /// its memory. The registers are left as the call left them; the caller puts its own back, after <see cref="Park"/> in a
    /// thread that is to live on.
    /// </summary>
    /// <param name="instruction">Address of a <c>syscall</c> instruction mapped in the thread's process.</param>
    /// <returns>The result, or -errno.</returns>
    public long StepCall(RemoteAddress instruction, RemoteCall call)
    {
        Regs regs = Regs;
        regs.rip = instruction.Value;
        regs.rax = (ulong)call.Number;
        regs.orig_rax = ulong.MaxValue;
        (regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9) = ((ulong)call.A0, (ulong)call.A1, (ulong)call.A2, (ulong)call.A3, (ulong)call.A4, (ulong)call.A5);
        Regs = regs;
        RunToSyscallStop();
        RunToSyscallStop();
        return (long)Regs.rax;
    }

    /// <summary>
    /// Brings a thread from a syscall-exit stop into an event stop, where the kernel still honours a restart code in the
    /// registers (arch_do_signal_or_restart runs only on the signal path).
    /// </summary>
    public void Park()
    {
        Interrupt();
        Continue();
        WaitForInterrupt();
    }

    /// <summary>Stops a running thread.</summary>
    public void InterruptAndWait()
    {
        Interrupt();
        WaitForInterrupt();
    }

    /// <summary>Waits until an interrupt that was asked for has stopped the thread.</summary>
    public void WaitForInterrupt()
    {
        const int limit = 64;
        for (int i = 0; i < limit; i++)
            if (TakeStop(WaitForStopOrThrow("interrupt"))) return;
        throw new LinuxException("interrupt: no event stop", Errno.EBUSY, Tid);
    }

    /// <summary>
    /// As <see cref="WaitForInterrupt"/>, until a time on CLOCK_MONOTONIC; false when it has not stopped by then: a thread that
    /// waits for its vfork(2) child stops only when that has called execve.
    /// </summary>
    public bool WaitForInterrupt(long deadlineNs)
    {
        while (true)
        {
            (int pid, WaitStatus status) = WaitStatus.Wait(Tid, WaitStatus.__WALL | WaitStatus.WNOHANG);
            if (pid != 0)
            {
                IsGone = status.IsGone;
                if (IsGone) throw new LinuxException($"interrupt: thread {status}", Errno.ESRCH, Tid);
                if (TakeStop(status)) return true;
            }
            else if (Clocks.MonotonicNs() > deadlineNs) return false;
            else Clocks.Nap();
        }
    }

    // Any stop but the event stop has cleared the pending interrupt (ptrace_stop in kernel/signal.c): ask again. A signal that
    // was about to be delivered is given to the thread.
    private bool TakeStop(WaitStatus status)
    {
        if (status.Event == Ptrace.PTRACE_EVENT_STOP) return true;
        Interrupt();
        Ptrace.Call("ptrace(PTRACE_CONT)", Ptrace.PTRACE_CONT, Tid, 0, status.Event == 0 && !status.IsSyscallStop ? status.StopSignal : 0);
        return false;
    }

    private void RunToSyscallStop()
    {
        const int limit = 64;
        for (int i = 0; i < limit; i++)
        {
            Continue(Ptrace.PTRACE_SYSCALL);
            WaitStatus status = WaitForStopOrThrow("remote call");
            if (status.IsSyscallStop) return;
            if (status.Event == 0) throw new LinuxException($"remote call: {status}", Errno.EFAULT, Tid);
        }
        throw new LinuxException("remote call: no syscall stop", Errno.EBUSY, Tid);
    }
}
