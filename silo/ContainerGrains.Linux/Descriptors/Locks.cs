using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>Locks on files: flock(2), and fcntl(2) F_SETLK and F_OFD_SETLK.</summary>
public static unsafe class Locks
{
    public const int LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8;
    public const short F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2;
    public const int F_SETLK = 6, F_OFD_SETLK = 37;

    /// <summary>The lock of the description; 0 or -errno (EWOULDBLOCK: somebody else has it).</summary>
    public static long TryFlock(int fd, int operation) => Kernel.Raw(Syscall.flock, fd, operation | LOCK_NB);

    /// <summary>F_SETLK (of this process) or F_OFD_SETLK (of the description); 0 or -errno (EAGAIN: somebody else has it).</summary>
    public static long TrySet(int fd, int command, FlockRange range) => Kernel.Raw(Syscall.fcntl, fd, command, (long)(&range));
}

/// <summary>struct flock of x86-64, from the beginning of the file (SEEK_SET).</summary>
/// <param name="type">F_RDLCK, F_WRLCK or F_UNLCK.</param>
/// <param name="length">0: to the end of the file, however far it grows.</param>
[StructLayout(LayoutKind.Sequential)]
public struct FlockRange(short type, long start, long length)
{
    public short Type = type;
    public short Whence;
    public long Start = start, Length = length;
    public int Pid;
}
