using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct rlimit64 (prlimit(2)); <see cref="Infinity"/> is no limit.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ResourceLimit(ulong Soft, ulong Hard)
{
    public const ulong Infinity = ulong.MaxValue;
    /// <summary>Number of limits (RLIM_NLIMITS).</summary>
    public const int Count = 16;

    public static unsafe ResourceLimit Get(int pid, int resource)
    {
        ResourceLimit limit;
        Kernel.Call("prlimit64", Syscall.prlimit64, pid, resource, 0, (long)(&limit), pid: pid);
        return limit;
    }

    /// <summary>Returns 0 or -errno; -EPERM: the hard limit is above the present one and CAP_SYS_RESOURCE is missing.</summary>
    public static unsafe long TrySet(int pid, int resource, ResourceLimit limit) => Kernel.Raw(Syscall.prlimit64, pid, resource, (long)(&limit), 0);
}
