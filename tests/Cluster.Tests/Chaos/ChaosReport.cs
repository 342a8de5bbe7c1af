using System.Globalization;
using System.Text;

namespace ContainerGrains.Cluster.Tests;

/// <summary>All plans of a run, in numbers.</summary>
internal sealed class ChaosReport
{
    private readonly List<ChaosOutcome> _outcomes = [];

    public int FreshClusters { get; set; }
    public int Lost => _outcomes.Sum(o => o.Lost.Count);
    public int Doubled => _outcomes.Sum(o => o.Doubled.Count);

    public void Add(ChaosOutcome outcome) => _outcomes.Add(outcome);

    /// <summary>How long a container made no step, by what went wrong then.</summary>
    public string Table()
    {
        var table = new StringBuilder();
        table.AppendLine(CultureInfo.InvariantCulture, $"{"longest time without a step, ms",-32} {"times",6} {"median",8} {"longest",8}");
        foreach (var kind in _outcomes.SelectMany(o => o.Gaps).GroupBy(g => g.During, g => g.Ms).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            long[] sorted = [.. kind.Order()];
            table.AppendLine(CultureInfo.InvariantCulture, $"{kind.Key,-32} {sorted.Length,6} {sorted[sorted.Length / 2],8} {sorted[^1],8}");
        }
        return table.ToString();
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"chaos: plans={_outcomes.Count} lost={Lost} doubled={Doubled} longest_unavailable_ms={_outcomes.SelectMany(o => o.Gaps).Select(g => g.Ms).DefaultIfEmpty().Max()} killed_in_dump={_outcomes.Sum(o => o.KilledInDump)} killed_before_thaw={_outcomes.Sum(o => o.KilledBeforeThaw)} outcasts={_outcomes.Sum(o => o.Outcasts)} fresh_clusters={FreshClusters}");
}
