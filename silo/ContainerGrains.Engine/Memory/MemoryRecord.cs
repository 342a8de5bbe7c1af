namespace ContainerGrains.Engine;

/// <summary>What is behind a mapping.</summary>
public enum Backing
{
    /// <summary>Private anonymous memory: heap, stacks, mmap.</summary>
    Anonymous,
    /// <summary>A file of the container, by path.</summary>
    File,
    /// <summary>A <see cref="MemoryObjectRecord"/>: shared anonymous memory, a memfd, a deleted file.</summary>
    Object,
}

/// <summary>Properties of a mapping beyond its protection: VmFlags of /proc/PID/smaps (proc_pid_smaps(5)).</summary>
[Flags]
public enum MappingFlags
{
    None = 0,
    Shared = 1,
    /// <summary>gd: a stack that grows downwards.</summary>
    GrowsDown = 2,
    /// <summary>nr: MAP_NORESERVE.</summary>
    NoReserve = 4,
    /// <summary>lo: mlock.</summary>
    Locked = 8,
    /// <summary>dd: MADV_DONTDUMP.</summary>
    DontDump = 16,
    /// <summary>dc: MADV_DONTFORK.</summary>
    DontFork = 32,
    /// <summary>wf: MADV_WIPEONFORK.</summary>
    WipeOnFork = 64,
    /// <summary>hg: MADV_HUGEPAGE.</summary>
    HugePage = 128,
    /// <summary>nh: MADV_NOHUGEPAGE.</summary>
    NoHugePage = 256,
    /// <summary>mg: MADV_MERGEABLE.</summary>
    Mergeable = 512,
    /// <summary>mw on a shared mapping: the file was opened for writing.</summary>
    MayWrite = 1024,
    /// <summary>sl: mseal(2).</summary>
    Sealed = 2048,
    /// <summary>rr: MADV_RANDOM.</summary>
    RandomRead = 4096,
    /// <summary>sr: MADV_SEQUENTIAL.</summary>
    SequentialRead = 8192,
}

/// <summary>One mapping. Addresses in bytes, page aligned, end exclusive.</summary>
/// <param name="Protection">PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4.</param>
/// <param name="Offset">Offset in the file or object, bytes.</param>
/// <param name="Path">Path inside the container (Backing.File).</param>
/// <param name="FileSize">Size of the file in bytes; with <paramref name="FileMTimeNs"/> how the target knows that it is the same file.</param>
/// <param name="ObjectId">Number of the object (Backing.Object).</param>
/// <param name="Name">Of anonymous memory: PR_SET_VMA_ANON_NAME(2const); null: none.</param>
/// <param name="Key">Memory protection key: pkeys(7).</param>
public sealed record MappingRecord(
    ulong Start, ulong End, int Protection, MappingFlags Flags, Backing Backing, long Offset = 0, string? Path = null, long FileSize = 0, long FileMTimeNs = 0, int ObjectId = -1,
    string? Name = null, int Key = 0)
{
    public const int ExecuteOnly = 4;

    public bool Shared => (Flags & MappingFlags.Shared) != 0;
    public bool Has(MappingFlags flag) => (Flags & flag) != 0;

    /// <summary>Whether pages already placed at an address stay right when this mapping follows the other there.</summary>
    public bool ContinuesAs(MappingRecord other) =>
        Backing == other.Backing && Shared == other.Shared && Path == other.Path && ObjectId == other.ObjectId && FileSize == other.FileSize && FileMTimeNs == other.FileMTimeNs
        && Has(MappingFlags.GrowsDown) == other.Has(MappingFlags.GrowsDown) && Has(MappingFlags.NoReserve) == other.Has(MappingFlags.NoReserve)
        && (Backing == Backing.Anonymous || (long)Start - Offset == (long)other.Start - other.Offset);
}

/// <summary>A part of the vdso: "[vvar]", "[vvar_vclock]", "[vdso]".</summary>
public sealed record VdsoPart(string Name, ulong Start, ulong End);

/// <summary>struct prctl_mm_map (linux/prctl.h): where the kernel believes code, data, heap, stack, arguments and environment to be.</summary>
public sealed record MmLayout(
    ulong StartCode, ulong EndCode, ulong StartData, ulong EndData, ulong StartBrk, ulong Brk, ulong StartStack, ulong ArgStart, ulong ArgEnd, ulong EnvStart, ulong EnvEnd);

/// <summary>A process's address space without its pages.</summary>
public sealed record AddressSpaceRecord(IReadOnlyList<MappingRecord> Mappings, IReadOnlyList<VdsoPart> Vdso);

/// <summary>Memory that several mappings, or descriptors, share.</summary>
/// <param name="Kind">"anonymous" (MAP_SHARED|MAP_ANONYMOUS), "memfd", "deleted".</param>
/// <param name="Device">st_dev and st_ino on the source, which also name it in the records of descriptors.</param>
/// <param name="Length">Bytes.</param>
public sealed record MemoryObjectRecord(int Id, string Kind, string Name, ulong Device, ulong Inode, long Length);
