using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>A run of pages with the same categories: struct page_region (linux/fs.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct PageRegion(ulong Start, ulong End, ulong Categories)
{
    public const ulong PAGE_IS_WPALLOWED = 1, PAGE_IS_WRITTEN = 2, PAGE_IS_FILE = 4, PAGE_IS_PRESENT = 8, PAGE_IS_SWAPPED = 16, PAGE_IS_PFNZERO = 32,
        PAGE_IS_HUGE = 64, PAGE_IS_SOFT_DIRTY = 128, PAGE_IS_GUARD = 256;

    public bool Written => (Categories & PAGE_IS_WRITTEN) != 0;
    public bool Guard => (Categories & PAGE_IS_GUARD) != 0;
    public long Pages => (long)((End - Start) / Kernel.PageSize);
}

/// <summary>The PAGEMAP_SCAN ioctl on another process's pagemap (Documentation/admin-guide/mm/pagemap.rst).</summary>
public sealed unsafe class PagemapScan(int pid) : IDisposable
{
    private const long PAGEMAP_SCAN = 0xC0606610; // _IOWR('f', 16, struct pm_scan_arg), 96 bytes
    private const int VectorLength = 512;
    private const ulong PM_SCAN_WP_MATCHING = 1, PM_SCAN_CHECK_WPASYNC = 2;

    // Guard pages are in Linux from 6.13 on, and seen here from 6.15 on; a kernel refuses categories that it does not know (EINVAL).
    private static readonly bool SeesGuards = Probe();

    private readonly FileDescriptor _pagemap = Files.Open($"/proc/{pid}/pagemap", Files.O_RDONLY);

    /// <summary>Pages that differ from what a fresh mapping would show: present or swapped, not of the file, not the zero page; and guard pages.</summary>
    /// <exception cref="LinuxException">EFAULT and others: the range is not mapped (any more).</exception>
    public void Populated(ulong start, ulong end, List<PageRegion> into) =>
        Scan(start, end, 0, PageRegion.PAGE_IS_FILE | PageRegion.PAGE_IS_PFNZERO, PageRegion.PAGE_IS_FILE | PageRegion.PAGE_IS_PFNZERO, into);

    /// <summary>
    /// Pages that were written since the last <see cref="TakeWritten"/>, or were never protected by it: what is of the file, the zero page and
    /// guards among them. The kernel answers this quickly: 1 ms/GiB of 4 KiB pages, where <see cref="Populated"/> takes 20.
    /// </summary>
    public void Written(ulong start, ulong end, List<PageRegion> into) => Scan(start, end, 0, 0, PageRegion.PAGE_IS_WRITTEN, into, returned: PageRegion.PAGE_IS_WRITTEN);

    /// <summary>Everything that has a page, in memory or swapped out.</summary>
    public void Present(ulong start, ulong end, List<PageRegion> into) => Scan(start, end, 0, 0, 0, into, returned: 0);

    /// <summary>As <see cref="Populated"/> without guards, only those written since the last call, which write-protects them again.</summary>
    /// <exception cref="LinuxException">EPERM: the range is not registered for asynchronous write protection.</exception>
    public void TakeWritten(ulong start, ulong end, List<PageRegion> into) =>
        Scan(start, end, PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC, PageRegion.PAGE_IS_FILE | PageRegion.PAGE_IS_PFNZERO | PageRegion.PAGE_IS_GUARD,
            PageRegion.PAGE_IS_FILE | PageRegion.PAGE_IS_PFNZERO | PageRegion.PAGE_IS_GUARD | PageRegion.PAGE_IS_WRITTEN, into);

    /// <summary>Guard pages (MADV_GUARD_INSTALL); none where the kernel does not show them.</summary>
    public void Guards(ulong start, ulong end, List<PageRegion> into)
    {
        if (SeesGuards) Scan(start, end, 0, 0, PageRegion.PAGE_IS_GUARD, into, anyOf: 0);
    }

    private static bool Probe()
    {
        using FileDescriptor pagemap = Files.Open("/proc/self/pagemap", Files.O_RDONLY);
        PmScanArg arg = new() { Size = (ulong)sizeof(PmScanArg), End = (ulong)Kernel.PageSize, CategoryMask = PageRegion.PAGE_IS_GUARD };
        return Kernel.Raw(Syscall.ioctl, pagemap.Number, PAGEMAP_SCAN, (long)(&arg)) != -Errno.EINVAL;
    }

    private void Scan(ulong start, ulong end, ulong flags, ulong inverted, ulong mask, List<PageRegion> into,
        ulong anyOf = PageRegion.PAGE_IS_PRESENT | PageRegion.PAGE_IS_SWAPPED, ulong returned = PageRegion.PAGE_IS_WRITTEN | PageRegion.PAGE_IS_GUARD)
    {
        ulong known = SeesGuards ? ulong.MaxValue : ~PageRegion.PAGE_IS_GUARD;
        PageRegion* vector = stackalloc PageRegion[VectorLength];
        while (start < end)
        {
            PmScanArg arg = new()
            {
                Size = (ulong)sizeof(PmScanArg), Flags = flags, Start = start, End = end, Vec = (ulong)vector, VecLen = VectorLength,
                CategoryInverted = inverted & known, CategoryMask = mask & known, CategoryAnyOf = anyOf, ReturnMask = returned & known,
            };
            long got = Kernel.Call("ioctl(PAGEMAP_SCAN)", Syscall.ioctl, _pagemap.Number, PAGEMAP_SCAN, (long)(&arg), pid: pid);
            for (int i = 0; i < got; i++) into.Add(vector[i]);
            // With a full vector walk_end may be stale (kernel 6.18): go on behind the last region; otherwise the walk is complete.
            if (got < VectorLength) return;
            start = vector[got - 1].End;
        }
    }

    public void Dispose() => _pagemap.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct PmScanArg
    {
        public ulong Size, Flags, Start, End, WalkEnd, Vec, VecLen, MaxPages, CategoryInverted, CategoryMask, CategoryAnyOf, ReturnMask;
    }
}
