using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct stat of x86-64 (asm/stat.h), 144 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FileStat
{
    public ulong st_dev, st_ino, st_nlink;
    public uint st_mode, st_uid, st_gid, pad0;
    public ulong st_rdev;
    public long st_size, st_blksize, st_blocks;
    public long st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
    private long _unused0, _unused1, _unused2;

    public const uint S_IFMT = 0xF000, S_IFSOCK = 0xC000, S_IFLNK = 0xA000, S_IFREG = 0x8000, S_IFBLK = 0x6000, S_IFDIR = 0x4000, S_IFCHR = 0x2000, S_IFIFO = 0x1000;

    public readonly uint Type => st_mode & S_IFMT;
    public readonly int RdevMajor => (int)(((st_rdev >> 8) & 0xfff) | ((st_rdev >> 32) & ~0xfffUL));
    public readonly int RdevMinor => (int)((st_rdev & 0xff) | ((st_rdev >> 12) & ~0xffUL));
}
