namespace ContainerGrains.Benchmarks.Cluster;

internal sealed record CallTally(double PerSecond, double LongestMs);
