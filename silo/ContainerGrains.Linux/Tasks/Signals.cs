namespace ContainerGrains.Linux;

/// <summary>Signal numbers of x86-64 (signal(7)) that the engine treats by name.</summary>
public static class Signals
{
    public const int SIGTRAP = 5, SIGKILL = 9, SIGALRM = 14, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19;
    /// <summary>Highest signal number.</summary>
    public const int Last = 64;

    /// <summary>The signal's bit in a kernel sigset_t.</summary>
    public static ulong Bit(int signal) => 1ul << (signal - 1);
}
