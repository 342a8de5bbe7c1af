namespace ContainerGrains.Linux;

/// <summary>Processes by descriptor, whoever their parent is: pidfd_open(2), include/uapi/linux/pidfd.h.</summary>
public static unsafe class PidFds
{
    private const long PIDFD_GET_INFO = 0xC040FF0B;
    private const ulong PIDFD_INFO_EXIT = 1 << 3;

    public static FileDescriptor Open(int pid) => new(Kernel.Call("pidfd_open", Syscall.pidfd_open, pid, 0, pid: pid));

    /// <summary>
    /// How a process that has ended, did, although it is no child of ours: its zombie tells, and once its parent has reaped it the
    /// descriptor. Null when it is too late: before Linux 6.15 nobody but the parent knows then.
    /// </summary>
    public static WaitStatus? ExitStatus(FileDescriptor pidFd, int pid) => Reaped(pidFd) ?? Zombie(pid) ?? Reaped(pidFd);

    private static WaitStatus? Reaped(FileDescriptor pidFd)
    {
        PidFdInfo info = new() { Mask = PIDFD_INFO_EXIT };
        long result = Kernel.Raw(Syscall.ioctl, pidFd.Number, PIDFD_GET_INFO, (long)(&info));
        return result >= 0 && (info.Mask & PIDFD_INFO_EXIT) != 0 ? new WaitStatus(info.ExitCode) : null;
    }

    private static WaitStatus? Zombie(int pid)
    {
        try
        {
            return ProcStat.Read(pid) is { State: 'Z' } stat ? new WaitStatus(stat.ExitCode) : null;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>struct pidfd_info, first version.</summary>
    private struct PidFdInfo
    {
        public ulong Mask, CgroupId;
        public uint Pid, ThreadGroup, Parent, RealUid, RealGid, EffectiveUid, EffectiveGid, SavedUid, SavedGid, FileUid, FileGid;
        public int ExitCode;
    }
}
