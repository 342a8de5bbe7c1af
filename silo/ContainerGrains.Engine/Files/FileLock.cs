namespace ContainerGrains.Engine;

/// <summary>A lock that is held on a file.</summary>
/// <param name="Length">Bytes; 0: to the end of the file, however far it grows.</param>
/// <param name="VirtualPid">The process that holds a POSIX lock.</param>
/// <param name="Fd">One of its descriptors of the file.</param>
public sealed record FileLock(FileLockKind Kind, bool Exclusive, long Start, long Length, int VirtualPid = 0, int Fd = -1);

/// <summary>Who holds a lock: flock and OFD locks the description, POSIX locks the process.</summary>
public enum FileLockKind
{
    Flock, Ofd, Posix,
}
