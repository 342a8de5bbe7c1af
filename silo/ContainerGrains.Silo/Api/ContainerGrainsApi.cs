using ContainerGrains.Api;
using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo.Api;

/// <summary>The silo's local API: every call of <c>cg</c>, for any language that speaks HTTP over a Unix socket.</summary>
public static class ContainerGrainsApi
{
    /// <summary>Maps /v1/... and the OpenAPI document, /openapi/v1.json.</summary>
    public static IEndpointRouteBuilder MapContainerGrainsApi(this IEndpointRouteBuilder routes)
    {
        IServiceProvider services = routes.ServiceProvider;
        services.GetRequiredService<IHostApplicationLifetime>().SecureApiSocket(services.GetRequiredService<IOptions<ContainerGrainsApiOptions>>().Value.SocketPath);
        RouteGroupBuilder v1 = routes.MapGroup($"/{ApiVersion.Current}");
        var errors = ActivatorUtilities.CreateInstance<ApiErrors>(services);
        ((IEndpointConventionBuilder)v1).Finally(endpoint => endpoint.RequestDelegate = errors.Wrap(endpoint.RequestDelegate!));
        ContainerEndpoints.Map(v1);
        OutputEndpoints.Map(v1);
        ImageEndpoints.Map(v1);
        MigrationEndpoints.Map(v1);
        ClusterEndpoints.Map(v1);
        DrainEndpoints.Map(v1);
        v1.MapFallback((HttpContext http) => NoSuchEndpoint(http)).ExcludeFromDescription();
        routes.MapOpenApi("/openapi/{documentName}.json");
        return routes;
    }

    private static void NoSuchEndpoint(HttpContext http) => throw new ContainerException(ContainerErrorCode.NotFound,
        $"This silo has no {http.Request.Method} {http.Request.Path}; /openapi/v1.json lists what it has. Is cg newer than the silo? 'cg version' tells.");
}
