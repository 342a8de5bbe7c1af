using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>What the receiving side of a <see cref="DirectoryTransfer"/> has: by path below the directory, "" for itself.</summary>
public sealed class DirectoryManifest
{
    /// <summary>Paths are the kernel's bytes, one char each (Latin-1), so that any name has one.</summary>
    internal Dictionary<string, ManifestEntry> Entries { get; } = new(StringComparer.Ordinal);

    public int Count => Entries.Count;

    /// <summary>Bytes that the last pass wrote to the stream.</summary>
    public long SentBytes { get; internal set; }

    /// <summary>Entries that the last pass sent or removed.</summary>
    public int SentEntries { get; internal set; }
}

/// <param name="Blocks">Hash of each block's content, for regular files; default for a block of zeros.</param>
/// <param name="Settled">
/// The last change was well before it was looked at. The kernel's clock for files moves in steps: a file that changed in the same step
/// may change once more without a trace, so it is compared by content in the next pass.
/// </param>
internal sealed record ManifestEntry(ulong Inode, uint Mode, uint Uid, uint Gid, ulong Rdev, long Size, long MtimeNs, long CtimeNs, bool Settled, UInt128[] Blocks)
{
    private const long ClockStepNs = 50_000_000;

    public static ManifestEntry Of(FileStat stat, UInt128[] blocks)
    {
        long changed = stat.st_ctime * 1_000_000_000 + stat.st_ctime_nsec;
        bool settled = changed < TimerFds.Now(TimerFds.CLOCK_REALTIME) - ClockStepNs;
        return new(stat.st_ino, stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev, stat.st_size, stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec, changed, settled, blocks);
    }

    public bool SameAs(ManifestEntry now) => Settled
        && (Inode, Mode, Uid, Gid, Rdev, MtimeNs, CtimeNs) == (now.Inode, now.Mode, now.Uid, now.Gid, now.Rdev, now.MtimeNs, now.CtimeNs)
        && (Size == now.Size || IsDirectory);

    public bool IsDirectory => (Mode & FileStat.S_IFMT) == FileStat.S_IFDIR;
    public bool IsRegular => (Mode & FileStat.S_IFMT) == FileStat.S_IFREG;
}
