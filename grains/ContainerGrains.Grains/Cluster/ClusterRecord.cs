namespace ContainerGrains.Grains;

/// <summary>Which names there are, which address each has, and which hosts take no containers.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ClusterRecord")]
public sealed record ClusterRecord
{
    [Id(0)] public IReadOnlyDictionary<string, NameClaim> Claims { get; init; } = new Dictionary<string, NameClaim>();
    /// <summary>Offset of the address given last.</summary>
    [Id(1)] public int LastOffset { get; init; }
    /// <summary>What a new container begins with: above all that a host may have seen under a name that is free again.</summary>
    [Id(2)] public long FirstGeneration { get; init; } = 1;
    /// <summary>Hosts that take no containers, and since when.</summary>
    [Id(3)] public IReadOnlyDictionary<string, DateTimeOffset> Cordons { get; init; } = new Dictionary<string, DateTimeOffset>();
}

[GenerateSerializer, Immutable, Alias("ContainerGrains.NameClaim")]
public sealed record NameClaim([property: Id(0)] int Offset, [property: Id(1)] DateTimeOffset ClaimedAt);
