using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A process of this host for good: pids are used again, and together with the moment of the start they are not.</summary>
/// <param name="StartTicks">Clock ticks after boot (proc_pid_stat(5)).</param>
internal sealed record ProcessIdentity(int Pid, long StartTicks)
{
    /// <exception cref="LinuxException">ENOENT, ESRCH: it is gone.</exception>
    public static ProcessIdentity Of(int pid) => new(pid, ProcStat.Read(pid).StartTicks);

    /// <summary>Whether it is there, perhaps as a zombie.</summary>
    public bool IsThere()
    {
        try
        {
            return Of(Pid) == this;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return false;
        }
    }
}
