using Orleans.Placement;

namespace ContainerGrains.Grains;

/// <summary>A host's grain is activated on the silo of the host that its key names.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking]
public sealed class HostPlacement : PlacementStrategy
{
    internal static HostPlacement Singleton { get; } = new();
}

[AttributeUsage(AttributeTargets.Class)]
public sealed class HostPlacementAttribute() : PlacementAttribute(HostPlacement.Singleton);
