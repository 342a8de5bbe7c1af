using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>The two structs cap_user_data_t of capset(2), version 3: 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct CapabilityData(ulong effective, ulong permitted, ulong inheritable)
{
    public readonly uint Effective0 = (uint)effective, Permitted0 = (uint)permitted, Inheritable0 = (uint)inheritable;
    public readonly uint Effective1 = (uint)(effective >> 32), Permitted1 = (uint)(permitted >> 32), Inheritable1 = (uint)(inheritable >> 32);

    public const int SizeBytes = 24;
    /// <summary>struct cap_user_header_t: _LINUX_CAPABILITY_VERSION_3 and pid 0, the calling thread.</summary>
    public const ulong Header = 0x20080522;

    public ulong Effective => Effective0 | (ulong)Effective1 << 32;
    public ulong Permitted => Permitted0 | (ulong)Permitted1 << 32;
    public ulong Inheritable => Inheritable0 | (ulong)Inheritable1 << 32;
}
