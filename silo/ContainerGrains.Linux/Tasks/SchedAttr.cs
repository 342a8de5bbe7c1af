using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct sched_attr (sched_setattr(2)), version 1: 56 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SchedAttr
{
    public uint Size, Policy;
    public ulong Flags;
    public int Nice;
    public uint Priority;
    public ulong Runtime, Deadline, Period;
    public uint UtilMin, UtilMax;

    public const uint SCHED_OTHER = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5, SCHED_DEADLINE = 6, SCHED_EXT = 7;
    public const ulong SCHED_FLAG_RESET_ON_FORK = 1, SCHED_FLAG_RECLAIM = 2, SCHED_FLAG_DL_OVERRUN = 4, SCHED_FLAG_UTIL_CLAMP_MIN = 0x20, SCHED_FLAG_UTIL_CLAMP_MAX = 0x40;
}
