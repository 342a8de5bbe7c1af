using Orleans.Placement;

namespace ContainerGrains.Grains;

/// <summary>A container's grain is activated where the container's processes are.</summary>
[GenerateSerializer, Immutable, SuppressReferenceTracking]
public sealed class HomeHostPlacement : PlacementStrategy
{
    internal static HomeHostPlacement Singleton { get; } = new();
}

[AttributeUsage(AttributeTargets.Class)]
public sealed class HomeHostPlacementAttribute() : PlacementAttribute(HomeHostPlacement.Singleton);
