using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>stack_t of sigaltstack(2), 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SignalStack
{
    public ulong Pointer;
    public int Flags, Pad;
    public ulong Size;
    public const int SizeBytes = 24;
    public const int SS_ONSTACK = 1, SS_DISABLE = 2, SS_AUTODISARM = int.MinValue;
}
