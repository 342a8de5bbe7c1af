namespace ContainerGrains.Engine;

/// <summary>A set of address ranges, sorted, disjoint, end exclusive; ranges that touch are one.</summary>
public sealed class PageSet
{
    // Never changed once a set has left this class: sets may share them.
    private readonly List<(ulong Start, ulong End)> _ranges;

    public PageSet() : this(0)
    {
    }

    private PageSet(int capacity) => _ranges = new(capacity);

    public IReadOnlyList<(ulong Start, ulong End)> Ranges => _ranges;

    public bool IsEmpty => _ranges.Count == 0;

    public ulong Bytes => _ranges.Aggregate(0ul, (sum, r) => sum + (r.End - r.Start));

    public static PageSet Of(IEnumerable<(ulong Start, ulong End)> ranges)
    {
        (ulong Start, ulong End)[] sorted = [.. ranges];
        // Scans give them in order.
        if (!IsSorted(sorted)) Array.Sort(sorted, (a, b) => a.Start.CompareTo(b.Start));
        var set = new PageSet(sorted.Length);
        foreach ((ulong start, ulong end) in sorted) set.Append(start, end);
        return set;
    }

    private static bool IsSorted((ulong Start, ulong End)[] ranges)
    {
        for (int i = 1; i < ranges.Length; i++)
            if (ranges[i].Start < ranges[i - 1].Start) return false;
        return true;
    }

    /// <summary>Adds a range that begins at or behind the start of the last one.</summary>
    private void Append(ulong start, ulong end)
    {
        if (start >= end) return;
        if (_ranges.Count > 0 && start <= _ranges[^1].End) _ranges[^1] = (_ranges[^1].Start, Math.Max(_ranges[^1].End, end));
        else _ranges.Add((start, end));
    }

    public PageSet Union(PageSet other)
    {
        if (IsEmpty) return other;
        if (other.IsEmpty) return this;
        var result = new PageSet(_ranges.Count + other._ranges.Count);
        int i = 0, j = 0;
        while (i < _ranges.Count || j < other._ranges.Count)
        {
            bool mine = j == other._ranges.Count || i < _ranges.Count && _ranges[i].Start <= other._ranges[j].Start;
            (ulong start, ulong end) = mine ? _ranges[i++] : other._ranges[j++];
            result.Append(start, end);
        }
        return result;
    }

    /// <summary>What is in this set and not in the other.</summary>
    public PageSet Except(PageSet other)
    {
        if (IsEmpty || other.IsEmpty) return this;
        // It has at most one range more for each of the other.
        var result = new PageSet(_ranges.Count + other._ranges.Count);
        int j = 0;
        foreach ((ulong start, ulong end) in _ranges)
        {
            ulong from = start;
            while (j < other._ranges.Count && other._ranges[j].End <= from) j++;
            for (int k = j; k < other._ranges.Count && other._ranges[k].Start < end; k++)
            {
                result.Append(from, Math.Min(end, other._ranges[k].Start));
                from = Math.Max(from, other._ranges[k].End);
            }
            result.Append(from, end);
        }
        return result;
    }

    public PageSet Intersect(PageSet other) => Except(Except(other));
}
