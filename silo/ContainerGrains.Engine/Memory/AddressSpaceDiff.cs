namespace ContainerGrains.Engine;

/// <summary>
/// What a change of mappings does to pages that were sent already. Source and target ask the same question of the same two
/// lists, so they agree on which pages the target still has.
/// </summary>
internal static class AddressSpaceDiff
{
    /// <summary>Ranges of the old mappings that the new ones do not continue: their pages are void.</summary>
    public static PageSet Voided(IReadOnlyList<MappingRecord> old, IReadOnlyList<MappingRecord> now)
    {
        var voided = new List<(ulong, ulong)>();
        HashSet<ulong> bridges = Bridges(old, now);
        int next = 0;
        foreach (MappingRecord mapping in old)
        {
            ulong at = mapping.Start;
            while (next < now.Count && now[next].End <= at) next++;
            for (int i = next; i < now.Count && now[i].Start < mapping.End; i++)
            {
                if (now[i].Start > at) voided.Add((at, now[i].Start));
                ulong from = Math.Max(at, now[i].Start), to = Math.Min(mapping.End, now[i].End);
                if (!now[i].ContinuesAs(mapping) || bridges.Contains(now[i].Start)) voided.Add((from, to));
                at = to;
            }
            if (at < mapping.End) voided.Add((at, mapping.End));
        }
        return PageSet.Of(voided);
    }

    /// <summary>
    /// Starts of new anonymous mappings that reach over a gap between old ones. The kernel cannot join parts that have had pages of
    /// their own (they have different anon_vmas), and the process's mremap over them would fail: they are made anew, in one piece.
    /// </summary>
    public static HashSet<ulong> Bridges(IReadOnlyList<MappingRecord> old, IReadOnlyList<MappingRecord> now)
    {
        var bridges = new HashSet<ulong>();
        int next = 0;
        foreach (MappingRecord mapping in now)
        {
            while (next < old.Count && old[next].End <= mapping.Start) next++;
            if (mapping.Backing != Backing.Anonymous) continue;
            ulong? end = null;
            for (int i = next; i < old.Count && old[i].Start < mapping.End; i++)
            {
                if (!mapping.ContinuesAs(old[i])) continue;
                if (end is { } last && last != old[i].Start) bridges.Add(mapping.Start);
                end = old[i].End;
            }
        }
        return bridges;
    }
}
