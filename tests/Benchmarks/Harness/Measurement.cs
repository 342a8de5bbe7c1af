namespace ContainerGrains.Benchmarks.Harness;

/// <summary>What was measured: raw samples, or the reason why there are none.</summary>
/// <param name="Section">start, memory, move, grain, ps.</param>
/// <param name="Unit">ms, GiB/s, calls/s, pages.</param>
/// <param name="BoundBy">What it cannot go beyond, in words.</param>
/// <param name="IsPeer">Another project's program: when it fails, the run has not.</param>
internal sealed record Measurement(string Section, string Name, string Unit, string BoundBy, bool IsPeer)
{
    public List<double> Samples { get; } = [];

    /// <summary>Why there are no samples; null when there are.</summary>
    public string? Missing { get; set; }

    public double? Median => Percentile(50);
    public double? P10 => Percentile(10);
    public double? P90 => Percentile(90);

    // Linear between the two nearest ranks; no sample, no number.
    private double? Percentile(double percent)
    {
        if (Samples.Count == 0) return null;
        double[] sorted = [.. Samples.Order()];
        double rank = percent / 100 * (sorted.Length - 1);
        int below = (int)rank;
        double above = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return sorted[below] + (rank - below) * (above - sorted[below]);
    }
}
