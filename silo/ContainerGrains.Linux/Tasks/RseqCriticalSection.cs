using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct rseq_cs (linux/rseq.h), 32 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RseqCriticalSection
{
    public uint Version, Flags;
    public ulong StartIp, PostCommitOffset, AbortIp;
}
