namespace ContainerGrains.Linux;

/// <summary>A status of wait4(2).</summary>
public readonly record struct WaitStatus(int Value)
{
    public const int WNOHANG = 1, __WALL = 0x40000000;
    public const int SIGTRAP = 5;

    public bool Exited => (Value & 0x7f) == 0;
    public bool Killed => (Value & 0x7f) is not 0 and not 0x7f;
    public bool Stopped => (Value & 0xff) == 0x7f;
    public int ExitCode => (Value >> 8) & 0xff;
    public int TermSignal => Value & 0x7f;
    public int StopSignal => (Value >> 8) & 0xff;
    /// <summary>PTRACE_EVENT_… of an event stop, else 0.</summary>
    public int Event => (Value >> 16) & 0xff;
    public bool IsSyscallStop => Stopped && StopSignal == (SIGTRAP | 0x80);
    public bool IsGone => Exited || Killed;

    public override string ToString() => Exited ? $"exited {ExitCode}" : Killed ? $"killed by signal {TermSignal}" : $"stopped by signal {StopSignal}, event {Event}";

    /// <summary>Waits for a child or tracee; pid 0 in the result when WNOHANG found nothing.</summary>
    /// <exception cref="LinuxException">ECHILD: no such child.</exception>
    public static unsafe (int Pid, WaitStatus Status) Wait(int pid, int options = __WALL)
    {
        int status = 0;
        long got = Kernel.Call("wait4", Syscall.wait4, pid, (long)(&status), options, 0, pid: pid);
        return ((int)got, new WaitStatus(status));
    }
}
