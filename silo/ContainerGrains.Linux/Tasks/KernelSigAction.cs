using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct kernel_sigaction of rt_sigaction(2) on x86-64, 32 bytes; not the one of the C library.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct KernelSigAction
{
    public ulong Handler, Flags, Restorer, Mask;
    public const int SizeBytes = 32;
}
