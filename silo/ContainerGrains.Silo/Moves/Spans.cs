using System.Diagnostics;

namespace ContainerGrains.Silo;

/// <summary>Spans of a move, all of the caller's trace, whichever host they are on.</summary>
internal static class Spans
{
    public static Activity? Start(string name, MoveIdentity move, string? traceParent) =>
        Tag(ContainerTelemetry.Source.StartActivity(name, ActivityKind.Internal, traceParent), move);

    /// <summary>A span that has ended already, of which only its length was measured.</summary>
    public static void Add(string name, MoveIdentity move, string? traceParent, DateTimeOffset start, double ms)
    {
        using Activity? span = Tag(ContainerTelemetry.Source.StartActivity(name, ActivityKind.Internal, traceParent, startTime: start), move);
        span?.SetEndTime((start + TimeSpan.FromMilliseconds(Math.Max(ms, 0))).UtcDateTime);
    }

    private static Activity? Tag(Activity? span, MoveIdentity move) =>
        span?.SetTag("container.name", move.Name).SetTag("container.migration.id", move.MigrationId)
            .SetTag("container.move.from", move.Source).SetTag("container.move.to", move.Target);
}
