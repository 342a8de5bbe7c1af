using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ContainerGrains.Grains;

/// <summary>Traces and metrics of the project; both are named "ContainerGrains".</summary>
public static class ContainerTelemetry
{
    public const string Name = "ContainerGrains";

    public static ActivitySource Source { get; } = new(Name);
    public static Meter Meter { get; } = new(Name);

    public static Counter<long> Moves { get; } = Meter.CreateCounter<long>("containergrains.moves", "{move}", "Moves that ended here, by outcome.");
    public static Counter<long> Drains { get; } = Meter.CreateCounter<long>("containergrains.drains", "{drain}", "Hosts whose emptying has ended, by outcome.");
    public static Histogram<double> FreezeMs { get; } = Meter.CreateHistogram<double>("containergrains.move.freeze", "ms", "From the first process stopped to the last one running.");
    public static Counter<long> MoveBytes { get; } = Meter.CreateCounter<long>("containergrains.move.bytes", "By", "Bytes received in moves.");
}
