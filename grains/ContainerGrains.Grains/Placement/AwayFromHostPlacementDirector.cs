using Orleans.Runtime.Placement;

namespace ContainerGrains.Grains;

/// <summary>By key, which names the host to stay away from.</summary>
public sealed class AwayFromHostPlacementDirector(HostDirectory hosts) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        string host = target.GrainIdentity.Key.ToString()!;
        SiloAddress[] others = [.. silos.Where(s => hosts.NameOf(s) != host)];
        if (others.Contains(context.LocalSilo))
            return Task.FromResult(context.LocalSilo);
        return Task.FromResult(others.Length > 0 ? others[Random.Shared.Next(others.Length)] : context.LocalSilo);
    }
}
