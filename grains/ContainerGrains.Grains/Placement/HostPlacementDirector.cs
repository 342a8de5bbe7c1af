using Orleans.Runtime.Placement;

namespace ContainerGrains.Grains;

/// <summary>By key. For a host that is not there any silo will do: the grain itself says so, in words a caller understands.</summary>
public sealed class HostPlacementDirector(HostDirectory hosts) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        SiloAddress? host = hosts.Find(target.GrainIdentity.Key.ToString()!);
        if (host is not null && silos.Contains(host))
            return Task.FromResult(host);
        return Task.FromResult(silos.Contains(context.LocalSilo) ? context.LocalSilo : silos[Random.Shared.Next(silos.Length)]);
    }
}
