using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Reads a process's address space from /proc/PID/smaps and map_files (proc_pid_smaps(5), proc_pid_map_files(5)).</summary>
internal sealed class AddressSpaceReader(MemoryObjects objects, bool running)
{
    private static readonly Dictionary<string, MappingFlags> KnownFlags = new()
    {
        ["gd"] = MappingFlags.GrowsDown, ["nr"] = MappingFlags.NoReserve, ["lo"] = MappingFlags.Locked, ["dd"] = MappingFlags.DontDump, ["dc"] = MappingFlags.DontFork,
        ["wf"] = MappingFlags.WipeOnFork, ["hg"] = MappingFlags.HugePage, ["nh"] = MappingFlags.NoHugePage, ["mg"] = MappingFlags.Mergeable, ["sl"] = MappingFlags.Sealed,
        ["rr"] = MappingFlags.RandomRead, ["sr"] = MappingFlags.SequentialRead,
    };

    /// <summary>What cannot be carried is told by <paramref name="refuse"/>: (mapping, reason, remedy).</summary>
    public AddressSpaceRecord Read(int pid, Action<string, string, string> refuse)
    {
        var mappings = new List<MappingRecord>();
        var vdso = new List<VdsoPart>();
        MapEntry? entry = null;
        int key = 0;
        foreach (string line in Linux.Files.ReadText($"/proc/{pid}/smaps").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line[0] is (>= '0' and <= '9') or (>= 'a' and <= 'f')) (entry, key) = (MapEntry.Parse(line), 0);
            else if (line.StartsWith("ProtectionKey:", StringComparison.Ordinal)) key = int.Parse(line.AsSpan("ProtectionKey:".Length), CultureInfo.InvariantCulture);
            else if (line.StartsWith("VmFlags:", StringComparison.Ordinal) && entry is not null)
            {
                Add(pid, entry, key, line["VmFlags:".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries), mappings, vdso, refuse);
                entry = null;
            }
        }
        // The kernel takes a key of its own choice to make memory execute-only: beside a program's keys nobody could tell which.
        if (mappings.Exists(m => m.Key != 0) && mappings.Find(m => m is { Protection: MappingRecord.ExecuteOnly, Key: 0 }) is { } only)
            refuse($"mapping {only.Start:x}-{only.End:x}", "execute-only memory beside memory protection keys is not carried", "make it readable");
        return new AddressSpaceRecord(mappings, vdso);
    }

    /// <summary>
    /// The same of a process that stands still, from /proc/PID/maps alone: smaps looks at every page (15 ms/GiB). What maps does not
    /// show is taken from an earlier reading, of the mapping that was at that place. Null where that one cannot tell: something new
    /// was mapped, or two mappings that maps shows alike were one.
    /// </summary>
    public AddressSpaceRecord? TryReadQuickly(int pid, AddressSpaceRecord earlier, Action<string, string, string> refuse)
    {
        // What a key locks may change hands at any time.
        if (earlier.Mappings.Any(m => m.Key != 0)) return null;
        var mappings = new List<MappingRecord>();
        var vdso = new List<VdsoPart>();
        int next = 0;
        foreach (MapEntry entry in MapEntry.Read(pid))
        {
            if (entry.Path == "[vsyscall]") continue;
            if (IsVdso(entry))
            {
                vdso.Add(new VdsoPart(entry.Path, entry.Start, entry.End));
                continue;
            }
            while (next < earlier.Mappings.Count && earlier.Mappings[next].End <= entry.Start) next++;
            if (next == earlier.Mappings.Count || earlier.Mappings[next] is not { } before || before.Start >= entry.End) return null;
            MappingRecord now = Resolve(pid, entry, before.Flags, $"mapping {entry.Start:x}-{entry.End:x} {entry.Path}", refuse) with { Name = entry.AnonymousName };
            if (entry.Shared != before.Shared || now.Backing != before.Backing) return null;
            for (int i = next + 1; i < earlier.Mappings.Count && earlier.Mappings[i].Start < entry.End; i++)
                if (earlier.Mappings[i].Flags != before.Flags) return null;
            if (mappings.Count > 0 && mappings[^1] is var last && last.End == now.Start && last.End > before.Start && last.Protection == now.Protection && now.ContinuesAs(last)) return null;
            mappings.Add(now);
        }
        return vdso.SequenceEqual(earlier.Vdso) ? new AddressSpaceRecord(mappings, vdso) : null;
    }

    private void Add(int pid, MapEntry entry, int key, string[] flags, List<MappingRecord> mappings, List<VdsoPart> vdso, Action<string, string, string> refuse)
    {
        if (entry.Path == "[vsyscall]") return;
        if (IsVdso(entry))
        {
            vdso.Add(new VdsoPart(entry.Path, entry.Start, entry.End));
            return;
        }
        string title = $"mapping {entry.Start:x}-{entry.End:x} {entry.Path}";
        if (flags.Contains("io") || flags.Contains("pf")) refuse(title, "memory of a device is not carried", "close the device before the checkpoint");
        if (flags.Contains("ht")) refuse(title, "hugetlbfs pages are not carried yet", "use transparent huge pages");
        if (flags.Contains("um") || flags.Contains("ui")) refuse(title, "memory that a userfaultfd handler serves is not carried", "stop its userfaultfd user");
        MappingFlags set = entry.Shared ? MappingFlags.Shared : 0;
        foreach (string flag in flags) set |= KnownFlags.GetValueOrDefault(flag);
        if (entry.Shared && flags.Contains("mw")) set |= MappingFlags.MayWrite;
        // Execute-only memory has a key that mmap gives it again.
        mappings.Add(Resolve(pid, entry, set, title, refuse) with { Name = entry.AnonymousName, Key = entry.Protection == MappingRecord.ExecuteOnly ? 0 : key });
    }

    private static bool IsVdso(MapEntry entry) => entry.Path is "[vvar]" or "[vvar_vclock]" or "[vdso]";

    private MappingRecord Resolve(int pid, MapEntry entry, MappingFlags flags, string title, Action<string, string, string> refuse)
    {
        // Its inode is the segment's id, and the first one has the id 0.
        if (entry.Path.StartsWith("/SYSV", StringComparison.Ordinal) && entry.Shared) refuse(title, "System V shared memory is not carried yet", "use POSIX shared memory");
        if (entry.Inode == 0) return new MappingRecord(entry.Start, entry.End, entry.Protection, flags, Backing.Anonymous);
        string link = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/map_files/{entry.Start:x}-{entry.End:x}");
        if (Linux.Files.TryStat(link) is not { } stat)
        {
            // Of a running process it was unmapped in this moment.
            if (!running) refuse(title, "the file behind it cannot be asked for", "this kernel does not show map_files");
            return new MappingRecord(entry.Start, entry.End, entry.Protection, flags, Backing.Anonymous);
        }
        if (stat.Type == FileStat.S_IFCHR && stat is { RdevMajor: 1, RdevMinor: 5 } && !entry.Shared)
            return new MappingRecord(entry.Start, entry.End, entry.Protection, flags, Backing.Anonymous); // private /dev/zero
        if (stat.Type != FileStat.S_IFREG)
        {
            refuse(title, "a mapping of something that is not a regular file is not carried", "unmap it before the checkpoint");
            return new MappingRecord(entry.Start, entry.End, entry.Protection, flags, Backing.Anonymous);
        }
        if (stat.st_nlink == 0 || entry.Path.EndsWith(" (deleted)", StringComparison.Ordinal))
        {
            return new MappingRecord(entry.Start, entry.End, entry.Protection, flags, Backing.Object, (long)entry.Offset, ObjectId: objects.Find(entry, stat, link));
        }
        return new MappingRecord(entry.Start, entry.End, entry.Protection, flags, Backing.File, (long)entry.Offset, entry.Path, stat.st_size, stat.st_mtime * 1_000_000_000 + stat.st_mtime_nsec);
    }
}
