namespace ContainerGrains.Silo;

/// <summary>The first frame: a ticket for one move, bound to its id and generation, and what the container asks of the target.</summary>
internal sealed record MoveOffer(
    string MigrationId, string Name, string SourceHost, string TargetHost, long NewGeneration, ContainerSpec Spec, string Address,
    HostFeatures Features, long ResidentBytes, DateTimeOffset StartedAt, double FreezeTimeoutMs, string? TraceParent);

internal sealed record MoveRefusal(ContainerErrorCode Code, string Reason);

internal sealed record RoundMessage(int Round, long DirtyPages, long Bytes, double Ms);

internal sealed record CutOverMessage(long FinalPages, long Bytes, double FreezeMs, double DumpMs, double SendMs);

internal sealed record AbortMessage(ContainerErrorCode Code, string Reason)
{
    public ContainerException ToException() => new(Code, Reason);
}
