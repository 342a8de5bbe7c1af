using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Owner, permissions and times of a file that is made anew.</summary>
/// <param name="AtimeNs">Nanoseconds since 1970.</param>
public sealed record InodeAttributes(uint Mode, uint Uid, uint Gid, long AtimeNs, long MtimeNs)
{
    internal static InodeAttributes Of(FileStat stat) =>
        new(stat.st_mode & 0xFFF, stat.st_uid, stat.st_gid, stat.st_atime * 1_000_000_000 + stat.st_atime_nsec, stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec);

    internal void Apply(FileDescriptor fd)
    {
        // The owner first: a change of owner clears set-user-ID.
        Kernel.Call("fchown", Syscall.fchown, fd.Number, Uid, Gid);
        Kernel.Call("fchmod", Syscall.fchmod, fd.Number, Mode & 0xFFF);
        Result.Check(DirectoryCalls.TrySetTimes(fd.Number, [], AtimeNs, MtimeNs), "futimens");
    }
}
