using ContainerGrains.Api;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ContainerGrains.Silo.Api;

/// <summary>Registers what <see cref="ContainerGrainsApi.MapContainerGrainsApi"/> needs beside an IGrainFactory.</summary>
public static class ContainerGrainsApiServices
{
    public static IServiceCollection AddContainerGrainsApi(this IServiceCollection services, Action<ContainerGrainsApiOptions> configure)
    {
        services.Configure(configure);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ApiContext>();
        services.Configure<RouteHandlerOptions>(routing => routing.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.Encoder = ApiJson.Relaxed.Options.Encoder;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
        });
        services.AddOpenApi(ApiVersion.Current, ApiDocument.Configure);
        return services;
    }
}
