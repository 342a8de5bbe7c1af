using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>
/// The lines of tests/workloads/diary.py. Whatever copy of the container makes a step, on whatever host, adds it to the same file: a step that
/// was made twice is there twice, for good, and one that is missing is missing. So nobody has to look at the right moment.
/// </summary>
internal sealed class Diary
{
    private readonly List<Step> _steps = [];

    public Diary(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            _steps.Add(new Step(Number(words[0]), Number(words[1]), words[2]));
        }
    }

    public sealed record Step(long Value, long AtMs, string Copy);

    /// <summary>Two lines that follow each other in time.</summary>
    public sealed record Gap(long FromMs, long ToMs)
    {
        public long Ms => ToMs - FromMs;
    }

    public IReadOnlyList<Step> Steps => _steps;

    /// <summary>Reads what is whole of the file.</summary>
    public static Diary Read(string path)
    {
        string text = File.ReadAllText(path);
        return new Diary(text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Steps that were made more than once, with the copies that made them.</summary>
    public string[] Doubled() =>
        [.. _steps.GroupBy(s => s.Value).Where(g => g.Count() > 1).Select(g => $"step {g.Key}: {string.Join(", ", g.Select(s => $"by {s.Copy} at {s.AtMs}"))}")];

    /// <summary>Steps that nobody made, although later ones were.</summary>
    public string[] Missing()
    {
        long[] made = [.. _steps.Select(s => s.Value).Distinct().Order()];
        return [.. made.Select((value, i) => (Before: i == 0 ? 0 : made[i - 1], Value: value)).Where(p => p.Value != p.Before + 1).Select(p => $"after step {p.Before} comes {p.Value}")];
    }

    /// <summary>The times without a step, the longest first.</summary>
    public IEnumerable<Gap> Gaps()
    {
        long[] times = [.. _steps.Select(s => s.AtMs).Order()];
        return times.Zip(times.Skip(1), (from, to) => new Gap(from, to)).OrderByDescending(g => g.Ms);
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
