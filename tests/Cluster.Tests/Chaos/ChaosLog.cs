using System.Diagnostics;
using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>What happened in a plan, with the clock of the diaries (CLOCK_MONOTONIC) and that of the silos' logs.</summary>
internal sealed class ChaosLog
{
    private readonly List<string> _lines = [];

    public static long NowMs => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);

    public void Add(string what)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fff} {NowMs} {what}");
        lock (_lines) _lines.Add(line);
    }

    public override string ToString()
    {
        lock (_lines) return string.Concat(_lines.Select(l => $"{l}\n"));
    }
}
