namespace ContainerGrains.Grains;

/// <summary>What travels with the grain: which move it is on, and the trace it belongs to.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.MoveTicket")]
internal sealed record MoveTicket(
    [property: Id(0)] string MigrationId, [property: Id(1)] long NewGeneration, [property: Id(2)] string? TraceParent, [property: Id(3)] DateTimeOffset HandedOverAt);
