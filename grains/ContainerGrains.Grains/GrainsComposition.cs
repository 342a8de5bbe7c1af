using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Serialization;

namespace ContainerGrains.Grains;

/// <summary>Puts the container grains into a silo. Its host's port (<see cref="IContainerHost"/>) must be registered beside it.</summary>
public static class GrainsComposition
{
    /// <param name="migrateTimeout">Longest hand-over of a grain: waiting until it is idle, freeze and activation on the target.</param>
    public static ISiloBuilder AddContainerGrains(this ISiloBuilder silo, TimeSpan migrateTimeout)
    {
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.Services.AddSingleton<HostDirectory>();
        silo.Services.AddSingleton<RecordStore>();
        silo.Services.AddSingleton<IMoveArbiter, MoveArbiter>();
        silo.Services.AddHostedService<ExitForwarder>();
        silo.AddOutgoingGrainCallFilter<UndeliveredCalls>();
        silo.Services.AddPlacementDirector<HomeHostPlacement, HomeHostPlacementDirector>();
        silo.Services.AddPlacementDirector<HostPlacement, HostPlacementDirector>();
        silo.Services.AddPlacementDirector<AwayFromHostPlacement, AwayFromHostPlacementDirector>();
        // The three limits of a migration belong together: the shortest of them would win.
        silo.Configure<GrainCollectionOptions>(o => o.DeactivationTimeout = o.ActivationTimeout = migrateTimeout);
        silo.Configure<SiloMessagingOptions>(o =>
        {
            o.SystemResponseTimeout = migrateTimeout;
            // A call may follow a container over several moves, and home again.
            o.MaxForwardCount = 20;
        });
        // The errors of a store's driver may be of any type; without this they could not cross to another silo at all.
        silo.Services.Configure<ExceptionSerializationOptions>(o => o.SupportedExceptionTypeFilter = _ => true);
        return silo;
    }
}
