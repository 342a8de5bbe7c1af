using Orleans.Placement;

namespace ContainerGrains.Grains;

/// <summary>A grain that looks after a host is activated on another one, if there is any: it is to outlive that host's silo.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking]
public sealed class AwayFromHostPlacement : PlacementStrategy
{
    internal static AwayFromHostPlacement Singleton { get; } = new();
}

[AttributeUsage(AttributeTargets.Class)]
public sealed class AwayFromHostPlacementAttribute() : PlacementAttribute(AwayFromHostPlacement.Singleton);
