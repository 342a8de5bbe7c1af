using System.Runtime.InteropServices;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The memory of one process on the source of a checkpoint or move: which pages were sent, which have changed since
/// (PAGEMAP_SCAN, userfaultfd in WP_ASYNC mode), and their way into frames.
/// </summary>
/// <param name="leftover">What the target has of an address space that this process had before (execve), or another process with its virtual pid.</param>
internal sealed class MemorySource(int pid, int virtualPid, ulong stack, PageSet leftover) : IDisposable
{
    private readonly PagemapScan _scan = new(pid);
    private readonly FileDescriptor _memory = Linux.Files.Open($"/proc/{pid}/mem", Linux.Files.O_RDONLY);
    private readonly HashSet<(ulong, ulong)> _registered = [];
    private readonly List<PageRegion> _regions = [];
    private WriteTracking? _tracking;
    private PageSet _sent = new();
    private PageSet _outdated = leftover;
    // Perhaps protected, and yet not sent, unless they are in _sent again.
    private PageSet _unsure = new();
    // In the freeze: where a close look has found no page worth carrying.
    private PageSet _nothingThere = new();

    public int Pid { get; } = pid;
    public int VirtualPid { get; } = virtualPid;

    /// <summary>Where its stack began when this was made: descriptors of pagemap and mem stay with the address space they were opened for.</summary>
    public ulong Stack { get; } = stack;

    /// <summary>The mappings that the target was told last; null before the first time.</summary>
    public AddressSpaceRecord? Layout { get; private set; }

    /// <summary>All that the target has for this virtual pid, right or out of date.</summary>
    public PageSet AtTarget => _sent.Union(_outdated);

    /// <summary>From now on rounds send only what was written since the last one.</summary>
    public void Track(WriteTracking tracking) => _tracking = tracking;

    /// <summary>A round while the process runs: sends what is new or written. Ranges that vanish meanwhile are left for the next time.</summary>
    /// <returns>Pages sent.</returns>
    public long SendRound(AddressSpaceRecord space, ImageWriter writer, NativeBuffer buffer)
    {
        Follow(space);
        RegisterNew(space);
        var dirty = new List<(ulong, ulong)>();
        foreach (MappingRecord mapping in space.Mappings)
        {
            if (!IsTracked(mapping) || !_registered.Contains((mapping.Start, mapping.End))) continue;
            try
            {
                foreach ((ulong start, ulong end) in Joined(Regions(mapping.Start, mapping.End, _scan.Written)))
                    dirty.AddRange(Regions(start, end, _scan.TakeWritten));
            }
            catch (LinuxException)
            {
                // Unmapped or mapped anew in this moment, perhaps in part, and what the scan has protected by then is not told.
                _registered.Remove((mapping.Start, mapping.End));
                Doubt(PageSet.Of([(mapping.Start, mapping.End)]));
            }
        }
        return Send(PageSet.Of(dirty), writer, buffer, running: true);
    }

    /// <summary>
    /// The last pages, while the process stands still: what was written since the rounds. Most pages were not, and are passed over
    /// quickly; only what is near a written one is looked at closely, guards among it.
    /// </summary>
    /// <returns>Pages sent.</returns>
    public long SendFinal(AddressSpaceRecord space, ImageWriter writer, NativeBuffer buffer)
    {
        Follow(space);
        PageSet unsure = _unsure.Except(_sent);
        var look = new List<(ulong, ulong)>();
        var real = new List<(ulong, ulong)>();
        var written = new List<(ulong, ulong)>();
        var guards = new List<(ulong, ulong)>();
        foreach (MappingRecord mapping in space.Mappings)
        {
            if (mapping.Shared) guards.AddRange(Regions(mapping.Start, mapping.End, _scan.Guards));
            else look.AddRange(Joined(PageSet.Of(Regions(mapping.Start, mapping.End, _scan.Written)).Union(unsure.Intersect(PageSet.Of([(mapping.Start, mapping.End)]))).Ranges));
        }
        foreach ((ulong start, ulong end) in look)
        {
            _regions.Clear();
            _scan.Populated(start, end, _regions);
            foreach (PageRegion region in _regions)
            {
                (region.Guard ? guards : real).Add((region.Start, region.End));
                if (region is { Guard: false, Written: true }) written.Add((region.Start, region.End));
            }
        }
        Guards = PageSet.Of(guards).Ranges;
        PageSet populated = PageSet.Of(real);
        _nothingThere = PageSet.Of(look).Except(populated);
        return Send(PageSet.Of(written).Union(populated.Intersect(unsure)), writer, buffer, running: false);
    }

    /// <summary>After <see cref="SendFinal"/>: what the target had and the process has dropped. It takes 3 ms/GiB, so others work beside it.</summary>
    public void SendDropped(AddressSpaceRecord space, ImageWriter writer)
    {
        PageSet atTarget = AtTarget;
        if (atTarget.IsEmpty) return;
        PageSet present = PageSet.Of(space.Mappings.Where(m => !m.Shared).SelectMany(m => Regions(m.Start, m.End, _scan.Present)));
        PageSet dropped = atTarget.Except(present.Except(_nothingThere));
        if (!dropped.IsEmpty) writer.WriteRanges(FrameType.Dropped, VirtualPid, dropped.Ranges);
    }

    /// <summary>Guard pages (MADV_GUARD_INSTALL), known after <see cref="SendFinal"/>.</summary>
    public IReadOnlyList<(ulong Start, ulong End)> Guards { get; private set; } = [];

    public void Dispose()
    {
        _tracking?.Dispose();
        _scan.Dispose();
        _memory.Dispose();
    }

    // A scan costs as much as looking at some dozens of pages.
    private static IEnumerable<(ulong Start, ulong End)> Joined(IReadOnlyList<(ulong Start, ulong End)> sorted)
    {
        const ulong nearBytes = 32 * Kernel.PageSize;
        for (int i = 0; i < sorted.Count;)
        {
            (ulong start, ulong end) = sorted[i];
            while (++i < sorted.Count && sorted[i].Start - end <= nearBytes) end = sorted[i].End;
            yield return (start, end);
        }
    }

    private (ulong Start, ulong End)[] Regions(ulong start, ulong end, Action<ulong, ulong, List<PageRegion>> scan)
    {
        _regions.Clear();
        scan(start, end, _regions);
        return [.. _regions.Select(r => (r.Start, r.End))];
    }

    // The target has just been told of these mappings, and has let go of what they do not continue.
    private void Follow(AddressSpaceRecord space)
    {
        PageSet voided = AddressSpaceDiff.Voided(Layout?.Mappings ?? [], space.Mappings);
        _sent = _sent.Except(voided);
        _unsure = _unsure.Union(voided);
        Layout = space;
    }

    // Seen as written, and protected again by the same scan, but not sent: what the target has there is out of date, and only the
    // end finds it.
    private void Doubt(PageSet pages)
    {
        _sent = _sent.Except(pages);
        _outdated = _outdated.Union(pages);
        _unsure = _unsure.Union(pages);
    }

    private static bool IsTracked(MappingRecord mapping) => !mapping.Shared && mapping.Backing != Backing.Object;

    // To register a part of a mapping cuts it in two, and the process's mremap over both fails (EFAULT): so only what is one mapping
    // now, and not only at the beginning of the round. One that grows in this very moment is cut all the same; with its rest
    // registered too, the kernel joins them again.
    private void RegisterNew(AddressSpaceRecord space)
    {
        MappingRecord[] fresh = [.. space.Mappings.Where(m => IsTracked(m) && !_registered.Contains((m.Start, m.End)))];
        if (_tracking is null || fresh.Length == 0) return;
        Dictionary<ulong, ulong> before = MapEntry.Read(Pid).ToDictionary(m => m.Start, m => m.End);
        var ends = new HashSet<ulong>();
        foreach (MappingRecord mapping in fresh)
        {
            if (before.GetValueOrDefault(mapping.Start) != mapping.End || !_tracking.TryRegister(mapping.Start, mapping.End)) continue;
            _registered.Add((mapping.Start, mapping.End));
            ends.Add(mapping.End);
        }
        foreach (MapEntry rest in MapEntry.Read(Pid))
            if (ends.Contains(rest.Start) && !before.ContainsKey(rest.Start)) _tracking.TryRegister(rest.Start, rest.End);
    }

    private long Send(PageSet set, ImageWriter writer, NativeBuffer buffer, bool running)
    {
        const int mostRanges = 512;
        var ranges = new List<(ulong Start, ulong End)>();
        var sent = new List<(ulong Start, ulong End)>();
        int length = 0;
        long pages = 0;
        foreach ((ulong start, ulong end) in set.Ranges)
        {
            for (ulong at = start; at < end;)
            {
                ulong part = Math.Min(end - at, (ulong)(buffer.Length - length));
                ranges.Add((at, at + part));
                length += (int)part;
                at += part;
                if (length == buffer.Length || ranges.Count == mostRanges) Flush();
            }
        }
        Flush();
        _sent = _sent.Union(PageSet.Of(sent));
        return pages;

        void Flush()
        {
            if (ranges.Count == 0) return;
            List<(ulong Start, ulong End)> got = ReadPages(ranges, buffer, running, out int bytes);
            if (got != ranges) Doubt(PageSet.Of(ranges));
            if (bytes > 0)
            {
                ulong[] head = new ulong[1 + got.Count * 2];
                head[0] = (uint)VirtualPid | (ulong)got.Count << 32;
                for (int i = 0; i < got.Count; i++) (head[1 + i * 2], head[2 + i * 2]) = (got[i].Start, got[i].End);
                writer.Write(FrameType.Pages, MemoryMarshal.AsBytes<ulong>(head), buffer.Span[..bytes]);
                sent.AddRange(got);
                pages += bytes / Kernel.PageSize;
            }
            ranges.Clear();
            length = 0;
        }
    }

    private List<(ulong Start, ulong End)> ReadPages(List<(ulong Start, ulong End)> ranges, NativeBuffer buffer, bool running, out int bytes)
    {
        bytes = (int)ranges.Sum(r => (long)(r.End - r.Start));
        if (RemoteMemory.TryReadRanges(Pid, ranges, buffer, bytes)) return ranges;
        // Something of it cannot be read that way (PROT_NONE, or gone): range by range through /proc/PID/mem.
        var got = new List<(ulong, ulong)>();
        bytes = 0;
        foreach ((ulong start, ulong end) in ranges)
        {
            int length = (int)(end - start);
            long read = RemoteMemory.TryReadFile(_memory, start, buffer.Span.Slice(bytes, length));
            if (read == length)
            {
                got.Add((start, end));
                bytes += length;
            }
            else if (!running) throw new LinuxException($"read of memory 0x{start:x}-0x{end:x}", read < 0 ? (int)-read : Errno.EFAULT, Pid);
        }
        return got;
    }
}
