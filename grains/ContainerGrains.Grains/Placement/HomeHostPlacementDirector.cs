using Orleans.Runtime.Placement;

namespace ContainerGrains.Grains;

/// <summary>
/// Asks the record for the home. Without one (a new container) or with a dead one, any silo will do: the first creates, the
/// second tells callers that the host is not reachable.
/// </summary>
public sealed class HomeHostPlacementDirector(RecordStore records, HostDirectory hosts) : IPlacementDirector
{
    public async Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        if (IPlacementDirector.GetPlacementHint(target.RequestContextData, silos) is { } hint)
            return hint;
        ContainerRecord? record = (await records.ReadAsync(target.GrainIdentity.Key.ToString()!, CancellationToken.None)).Record;
        if (record is not null && hosts.Find(record.Home) is { } home && silos.Contains(home))
            return home;
        return silos.Contains(context.LocalSilo) ? context.LocalSilo : silos[Random.Shared.Next(silos.Length)];
    }
}
