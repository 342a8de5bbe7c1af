using System.Runtime.InteropServices;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The address space of a puppet on its way to that of the restored process: mapped early, filled by rounds, reconciled when the
/// source's mappings change, and finished inside the freeze. mmap(2), mremap(2), madvise(2).
/// </summary>
internal sealed class AddressSpaceRestore(Puppet puppet, MappedFiles files) : IDisposable
{
    private const int PROT_WRITE = 2;
    private const int MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_GROWSDOWN = 0x100, MAP_NORESERVE = 0x4000;

    private readonly FileDescriptor _memory = Linux.Files.Open($"/proc/{puppet.Tid}/mem", Linux.Files.O_RDWR);
    // Pages of files that are not mapped yet, oldest first.
    private readonly List<(ulong Start, byte[] Bytes)> _waiting = [];
    // What is mapped in the puppet, and what the process has: the same but for files, which come last.
    private List<MappingRecord> _current = [];
    private IReadOnlyList<MappingRecord> _layout = [];

    /// <summary>Empties the puppet but for the stub, and puts the vdso where the process had it.</summary>
    /// <exception cref="EngineException">FeatureMissing: this kernel's vdso has other parts than the source's.</exception>
    public void Prepare(AddressSpaceRecord record)
    {
        puppet.MoveStub(StubPlacement.Choose([.. record.Mappings.Select(m => (m.Start, m.End)), .. record.Vdso.Select(v => (v.Start, v.End)), .. MapEntry.Read(puppet.Tid).Where(m => m.Start != puppet.StubAddress.Value).Select(m => (m.Start, m.End))]));
        var calls = new List<RemoteCall>();
        var parts = new List<MapEntry>();
        foreach (MapEntry entry in MapEntry.Read(puppet.Tid))
        {
            if (entry.Path is "[vvar]" or "[vvar_vclock]" or "[vdso]") parts.Add(entry);
            else if (entry.Path != "[vsyscall]" && entry.Start != puppet.StubAddress.Value) calls.Add(new(Syscall.munmap, (long)entry.Start, (long)entry.Length));
        }
        if (!parts.Select(p => (p.Path, p.Length)).SequenceEqual(record.Vdso.Select(v => (v.Name, v.End - v.Start))))
            throw new EngineException(EngineError.FeatureMissing, "restore: vdso", "this kernel's vdso differs from the source's; choose a host with the same kernel");
        MoveVdso(parts, record.Vdso, calls);
        puppet.Run(CollectionsMarshal.AsSpan(calls), "vdso");
    }

    /// <summary>Maps what is missing, unmaps what is gone; pages of what stays are kept.</summary>
    /// <param name="withFiles">Files are mapped only when the root file system is complete; their changed pages wait until then.</param>
    public void Reconcile(AddressSpaceRecord record, bool withFiles)
    {
        KeepStubFree(record);
        MappingRecord[] desired = withFiles ? [.. record.Mappings] : [.. record.Mappings.Where(m => m.Backing != Backing.File)];
        var cuts = new SortedSet<ulong>();
        foreach (MappingRecord mapping in _current.Concat(desired)) cuts.UnionWith([mapping.Start, mapping.End]);
        ulong[] points = [.. cuts];
        var unmap = new List<(ulong, ulong)>();
        var map = new List<MappingRecord>();
        var protect = new List<RemoteCall>();
        HashSet<ulong> bridges = AddressSpaceDiff.Bridges(_layout, record.Mappings);
        int i = 0, j = 0;
        for (int p = 0; p + 1 < points.Length; p++)
        {
            MappingRecord? old = At(_current, points[p], ref i), wanted = At(desired, points[p], ref j);
            if (old is not null && wanted is not null && wanted.ContinuesAs(old) && !bridges.Contains(wanted.Start))
            {
                // A heap that grows by mprotect: the pages of this round need the protection of this round.
                if (old.Protection != wanted.Protection) protect.Add(new(Syscall.mprotect, (long)points[p], (long)(points[p + 1] - points[p]), wanted.Protection));
                continue;
            }
            if (old is not null) unmap.Add((points[p], points[p + 1]));
            if (wanted is not null) map.Add(wanted with { Start = points[p], End = points[p + 1], Offset = wanted.Backing == Backing.Anonymous ? 0 : wanted.Offset + (long)(points[p] - wanted.Start) });
        }
        var calls = new List<RemoteCall>();
        foreach ((ulong start, ulong end) in PageSet.Of(unmap).Ranges) calls.Add(new(Syscall.munmap, (long)start, (long)(end - start)));
        foreach (MappingRecord mapping in Merge(map)) AddMap(mapping, calls);
        calls.AddRange(protect);
        puppet.Run(CollectionsMarshal.AsSpan(calls), "mappings");
        _current = [.. desired];
        ForgetVoid(AddressSpaceDiff.Voided(_layout, record.Mappings));
        _layout = record.Mappings;
        if (!withFiles) return;
        foreach ((ulong start, byte[] bytes) in _waiting) WriteMapped([(start, start + (ulong)bytes.Length)], bytes);
        _waiting.Clear();
    }

    /// <summary>Places pages; through /proc/PID/mem where the mapping does not allow writing.</summary>
    public void Write(List<(ulong Start, ulong End)> ranges, ReadOnlySpan<byte> bytes)
    {
        ulong total = 0;
        foreach ((ulong start, ulong end) in ranges) total += end - start;
        if (total != (ulong)bytes.Length) throw new EngineException(EngineError.BadImage, "restore: pages", $"{bytes.Length} bytes came for {total} bytes of ranges");
        if (ranges.All(r => IsMapped(r.Start, r.End)))
        {
            WriteMapped(ranges, bytes);
            return;
        }
        // A range may lie partly in what is mapped and partly in what waits: each part goes its own way, or an older one that
        // waited would come down upon a newer one that did not.
        foreach ((ulong start, ulong end) in ranges)
        {
            for (ulong at = start; at < end;)
            {
                int index = FindIndex(at);
                ulong to = Math.Min(end, index >= 0 ? _current[index].End : NextMapped(at));
                int length = (int)(to - at);
                if (index >= 0) WriteMapped([(at, to)], bytes[..length]);
                else _waiting.Add((at, bytes[..length].ToArray()));
                bytes = bytes[length..];
                at = to;
            }
        }
    }

    private ulong NextMapped(ulong address) => _current.Find(m => m.Start > address)?.Start ?? ulong.MaxValue;

    private void ForgetVoid(PageSet voided)
    {
        if (voided.IsEmpty || _waiting.Count == 0) return;
        (ulong Start, byte[] Bytes)[] all = [.. _waiting];
        _waiting.Clear();
        foreach ((ulong start, byte[] bytes) in all)
            foreach ((ulong from, ulong to) in PageSet.Of([(start, start + (ulong)bytes.Length)]).Except(voided).Ranges)
                _waiting.Add((from, bytes[(int)(from - start)..(int)(to - start)]));
    }

    private void WriteMapped(List<(ulong Start, ulong End)> ranges, ReadOnlySpan<byte> bytes)
    {
        if (ranges.All(r => IsWritable(r.Start, r.End)))
        {
            RemoteMemory.WriteRanges(puppet.Tid, ranges, bytes);
            return;
        }
        foreach ((ulong start, ulong end) in ranges)
        {
            int length = (int)(end - start);
            for (int done = 0; done < length;)
                done += (int)Result.Check(RemoteMemory.TryWriteFile(_memory, start + (ulong)done, bytes[done..length]), $"write of memory 0x{start:x}", puppet.Tid);
            bytes = bytes[length..];
        }
    }

    /// <summary>The source has dropped these pages: they read as fresh again.</summary>
    public void Drop(List<(ulong Start, ulong End)> ranges)
    {
        const int MADV_DONTNEED_LOCKED = 24;
        RemoteCall[] calls = [.. ranges.Select(r => new RemoteCall(Syscall.madvise, (long)r.Start, (long)(r.End - r.Start), MADV_DONTNEED_LOCKED))];
        // Parts of a range may be unmapped by now: ENOMEM, and nothing is there to drop.
        puppet.RunBatch(calls, goOnAfterErrors: true);
        foreach (RemoteCall call in calls)
            if (call.Result < 0 && call.Result != -Errno.ENOMEM) Result.Check(call.Result, "madvise(MADV_DONTNEED_LOCKED) in puppet", puppet.Tid);
    }

    /// <summary>Advice, locks, names, keys, guards and seals, when all pages are in place.</summary>
    /// <param name="warn">Told of what this kernel cannot do and the program can do without.</param>
    public void Finish(AddressSpaceRecord record, IReadOnlyList<(ulong Start, ulong End)> guards, Action<string> warn)
    {
        const int MADV_GUARD_INSTALL = 102;
        (MappingFlags Flag, int Advice)[] advice = [(MappingFlags.DontDump, 16), (MappingFlags.DontFork, 10), (MappingFlags.WipeOnFork, 18), (MappingFlags.HugePage, 14),
            (MappingFlags.NoHugePage, 15), (MappingFlags.Mergeable, 12), (MappingFlags.RandomRead, 1), (MappingFlags.SequentialRead, 2)];
        var calls = new List<RemoteCall>();
        foreach (MappingRecord mapping in record.Mappings)
        {
            long start = (long)mapping.Start, length = (long)(mapping.End - mapping.Start);
            foreach ((MappingFlags flag, int number) in advice)
                if (mapping.Has(flag)) calls.Add(new(Syscall.madvise, start, length, number));
            if (mapping.Has(MappingFlags.Locked)) calls.Add(new(Syscall.mlock, start, length));
        }
        SetNames(record, warn);
        SetKeys(record);
        foreach ((ulong start, ulong end) in guards) calls.Add(new(Syscall.madvise, (long)start, (long)(end - start), MADV_GUARD_INSTALL));
        // Sealing (mseal(2)) is the last: nothing of it can be changed afterwards.
        calls.AddRange(record.Mappings.Where(m => m.Has(MappingFlags.Sealed)).Select(m => new RemoteCall(Syscall.mseal, (long)m.Start, (long)(m.End - m.Start), 0)));
        puppet.Run(CollectionsMarshal.AsSpan(calls), "advice");
    }

    // PR_SET_VMA_ANON_NAME(2const): for the eyes of people only.
    private void SetNames(AddressSpaceRecord record, Action<string> warn)
    {
        const int PR_SET_VMA = 0x53564d41, PR_SET_VMA_ANON_NAME = 0;
        int lost = 0;
        foreach (MappingRecord mapping in record.Mappings)
        {
            if (mapping.Name is null) continue;
            puppet.ResetScratch();
            long result = puppet.TryCall(Syscall.prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, (long)mapping.Start, (long)(mapping.End - mapping.Start), puppet.Put(mapping.Name));
            if (result == -Errno.EINVAL) lost++;
            else Result.Check(result, "prctl(PR_SET_VMA_ANON_NAME) in puppet", puppet.Tid);
        }
        if (lost > 0) warn($"the names of {lost} anonymous mappings are lost; this kernel cannot give any");
    }

    // pkey_alloc(2) gives the lowest number that is free, so all are taken up to the highest wanted. What a thread may do with each is
    // in its registers.
    private void SetKeys(AddressSpaceRecord record)
    {
        int[] keys = [.. record.Mappings.Select(m => m.Key).Where(k => k != 0).Distinct()];
        if (keys.Length == 0) return;
        for (int key = 1; key <= keys.Max(); key++)
        {
            long got = puppet.TryCall(Syscall.pkey_alloc);
            if (got != key) throw new EngineException(EngineError.FeatureMissing, "restore: memory", $"memory protection key {key} cannot be had ({(got < 0 ? Errno.Name((int)-got) : $"the kernel gave {got}")}); choose a host whose CPU has them");
        }
        for (int key = 1; key < keys.Max(); key++)
            if (!keys.Contains(key)) puppet.Call("pkey_free", Syscall.pkey_free, key);
        RemoteCall[] calls = [.. record.Mappings.Where(m => m.Key != 0).Select(m => new RemoteCall(Syscall.pkey_mprotect, (long)m.Start, (long)(m.End - m.Start), m.Protection, m.Key))];
        puppet.Run(calls, "pkey_mprotect");
    }

    public void Dispose() => _memory.Dispose();

    private bool IsMapped(ulong start, ulong end) => All(start, end, _ => true);

    private bool IsWritable(ulong start, ulong end) => All(start, end, m => (m.Protection & PROT_WRITE) != 0);

    // Ranges may span mappings that touch.
    private bool All(ulong start, ulong end, Func<MappingRecord, bool> holds)
    {
        while (start < end)
        {
            int at = FindIndex(start);
            if (at < 0 || !holds(_current[at])) return false;
            start = _current[at].End;
        }
        return true;
    }

    private int FindIndex(ulong address)
    {
        int low = 0, high = _current.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (_current[middle].End <= address) low = middle + 1;
            else if (_current[middle].Start > address) high = middle - 1;
            else return middle;
        }
        return -1;
    }

    private void KeepStubFree(AddressSpaceRecord record)
    {
        ulong start = puppet.StubAddress.Value, end = start + (ulong)Stub.Size;
        if (!record.Mappings.Any(m => m.Start < end && m.End > start)) return;
        puppet.MoveStub(StubPlacement.Choose([.. record.Mappings.Concat(_current).Select(m => (m.Start, m.End)), .. record.Vdso.Select(v => (v.Start, v.End)), (start, end)]));
    }

    private static MappingRecord? At(IReadOnlyList<MappingRecord> sorted, ulong address, ref int index)
    {
        while (index < sorted.Count && sorted[index].End <= address) index++;
        return index < sorted.Count && sorted[index].Start <= address ? sorted[index] : null;
    }

    // Pieces of one mapping that were cut at another's border are mapped in one call again.
    private static IEnumerable<MappingRecord> Merge(List<MappingRecord> pieces)
    {
        MappingRecord? last = null;
        foreach (MappingRecord piece in pieces)
        {
            if (last is not null && last.End == piece.Start && last.Protection == piece.Protection && last.Flags == piece.Flags && piece.ContinuesAs(last)) last = last with { End = piece.End };
            else
            {
                if (last is not null) yield return last;
                last = piece;
            }
        }
        if (last is not null) yield return last;
    }

    private void AddMap(MappingRecord mapping, List<RemoteCall> calls)
    {
        int flags = MAP_FIXED | (mapping.Shared ? MAP_SHARED : MAP_PRIVATE) | (mapping.Has(MappingFlags.GrowsDown) ? MAP_GROWSDOWN : 0) | (mapping.Has(MappingFlags.NoReserve) ? MAP_NORESERVE : 0);
        long start = (long)mapping.Start, length = (long)(mapping.End - mapping.Start);
        if (mapping.Backing == Backing.Anonymous)
        {
            calls.Add(new(Syscall.mmap, start, length, mapping.Protection, flags | MAP_ANONYMOUS, -1, 0));
            return;
        }
        // The puppet has no descriptor but number 3: the pulled one is 0.
        FileDescriptor file = files.Open(mapping);
        calls.Add(new(Syscall.pidfd_getfd, SeedImage.EnginePidFd, file.Number, 0));
        calls.Add(new(Syscall.mmap, start, length, mapping.Protection, flags, 0, mapping.Offset));
        calls.Add(new(Syscall.close, 0));
    }

    private static void MoveVdso(List<MapEntry> parts, IReadOnlyList<VdsoPart> wanted, List<RemoteCall> calls)
    {
        const int MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2;
        if (parts.Zip(wanted).All(p => p.First.Start == p.Second.Start)) return;
        ulong[] from = [.. parts.Select(p => p.Start)];
        // Old and new places must not overlap: by way of a third when they do.
        bool overlap = parts.Any(p => wanted.Any(w => w.Start < p.End && w.End > p.Start));
        for (int pass = overlap ? 0 : 1; pass < 2; pass++)
        {
            for (int i = 0; i < parts.Count; i++)
            {
                ulong to = pass == 0 ? 0x5000_0000_0000ul + (ulong)i * 0x100000 : wanted[i].Start;
                calls.Add(new(Syscall.mremap, (long)from[i], (long)parts[i].Length, (long)parts[i].Length, MREMAP_MAYMOVE | MREMAP_FIXED, (long)to));
                from[i] = to;
            }
        }
    }
}
