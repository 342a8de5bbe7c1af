namespace ContainerGrains.Benchmarks.Harness;

/// <summary>One of those that are compared: takes one sample of each of its measurements every time it is called.</summary>
internal sealed record Contender(IReadOnlyList<Measurement> Measurements, Func<double[]> Sample)
{
    public Contender(Measurement measurement, Func<double> sample) : this([measurement], () => [sample()])
    {
    }

    public bool IsMissing => Measurements[0].Missing is not null;

    public void Add(double[] samples)
    {
        foreach ((Measurement measurement, double sample) in Measurements.Zip(samples)) measurement.Samples.Add(sample);
    }

    /// <summary>It is out: numbers from before a failure would be misleading.</summary>
    public void Drop(Exception error)
    {
        string reason = error.Message.ReplaceLineEndings("; ");
        foreach (Measurement measurement in Measurements)
        {
            measurement.Samples.Clear();
            measurement.Missing = measurement.IsPeer ? $"does not work here: {reason}" : $"failed: {reason}";
        }
    }
}
