using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>
/// Asynchronous write protection of another process's memory (userfaultfd(2), UFFD_FEATURE_WP_ASYNC). The descriptor is made
/// inside the process and borrowed; closing it leaves nothing behind.
/// </summary>
public sealed unsafe class WriteTracking(FileDescriptor uffd) : IDisposable
{
    public const int UFFD_USER_MODE_ONLY = 1;
    private const long UFFDIO_API = 0xC018AA3F, UFFDIO_REGISTER = 0xC020AA00;
    private const ulong UFFD_API = 0xAA, UFFDIO_REGISTER_MODE_WP = 2;
    private const ulong UFFD_FEATURE_WP_UNPOPULATED = 1 << 13, UFFD_FEATURE_WP_ASYNC = 1 << 15, UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;

    /// <exception cref="LinuxException">EINVAL: the kernel lacks WP_ASYNC (before 6.7).</exception>
    public void Enable()
    {
        ulong* api = stackalloc ulong[3] { UFFD_API, UFFD_FEATURE_WP_ASYNC, 0 };
        Kernel.Call("ioctl(UFFDIO_API)", Syscall.ioctl, uffd.Number, UFFDIO_API, (long)api);
    }

    /// <summary>Begins to track a mapping; false when the kernel refuses this kind, or it is gone.</summary>
    public bool TryRegister(ulong start, ulong end)
    {
        ulong* register = stackalloc ulong[4] { start, end - start, UFFDIO_REGISTER_MODE_WP, 0 };
        return Kernel.Raw(Syscall.ioctl, uffd.Number, UFFDIO_REGISTER, (long)register) >= 0;
    }

    public void Dispose() => uffd.Dispose();
}
