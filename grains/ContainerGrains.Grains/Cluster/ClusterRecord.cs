namespace ContainerGrains.Grains;

/// <summary>The claims of the cluster: which names there are, and which address each has.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ClusterRecord")]
public sealed record ClusterRecord
{
    [Id(0)] public IReadOnlyDictionary<string, NameClaim> Claims { get; init; } = new Dictionary<string, NameClaim>();
    /// <summary>Offset of the address given last.</summary>
    [Id(1)] public int LastOffset { get; init; }
    /// <summary>What a new container begins with: above all that a host may have seen under a name that is free again.</summary>
    [Id(2)] public long FirstGeneration { get; init; } = 1;
}

[GenerateSerializer, Immutable, Alias("ContainerGrains.NameClaim")]
public sealed record NameClaim([property: Id(0)] int Offset, [property: Id(1)] DateTimeOffset ClaimedAt);
