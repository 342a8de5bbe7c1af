using ContainerGrains.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ContainerGrains.Silo.Api;

/// <summary>Hosts that take no containers, and hosts that are emptied. A drain goes on without its caller.</summary>
internal static class DrainEndpoints
{
    public static void Map(RouteGroupBuilder v1)
    {
        RouteGroupBuilder group = v1.MapGroup("/hosts/{host}").WithTags("hosts");
        group.MapPost("/cordon", CordonAsync).WithName("cordonHost").WithSummary("From now on the host takes no containers; those that are there run on.");
        group.MapDelete("/cordon", UncordonAsync).WithName("uncordonHost").WithSummary("The host takes containers again; a drain under way begins no more moves.");
        group.MapPost("/drain", StartAsync).WithName("drainHost")
            .WithSummary("Cordons the host, begins to move away what runs there and answers at once. Repeated it goes on, with the new options.");
        group.MapGet("/drain", GetAsync).WithName("getDrain").WithSummary("The drain of the host that is under way, with its moves' progress, or the last one.");
        group.MapDelete("/drain", CancelAsync).WithName("cancelDrain").WithSummary("Begins no more moves; those under way end, and the host stays cordoned.");
    }

    private static async Task<Ok<ApiCordon>> CordonAsync(ApiContext api, string host, CancellationToken cancellationToken) =>
        TypedResults.Ok(new ApiCordon(host, Cordoned: true, await api.Cluster.CordonAsync(host, cancellationToken)));

    private static async Task<Ok<ApiCordon>> UncordonAsync(ApiContext api, string host, CancellationToken cancellationToken) =>
        TypedResults.Ok(new ApiCordon(host, Cordoned: false, await api.Cluster.UncordonAsync(host, cancellationToken)));

    private static async Task<Ok<ApiDrain>> StartAsync(ApiContext api, string host, ApiDrainRequest request)
    {
        var options = new DrainOptions { Deadline = request.DeadlineMs is { } ms ? TimeSpan.FromMilliseconds(ms) : null };
        if (request.Parallel is { } parallel)
            options = options with { Parallel = parallel };
        return TypedResults.Ok((await api.Drain(host).StartAsync(options, api.Stopping)).ToApi([]));
    }

    private static async Task<Ok<ApiDrain>> GetAsync(ApiContext api, string host, CancellationToken cancellationToken)
    {
        DrainReport report = await api.Drain(host).GetAsync(cancellationToken);
        IReadOnlyList<MigrationProgress> moves = report.State == DrainState.Draining
            ? await MigrationEndpoints.ProgressAsync(api, [host], cancellationToken)
            : [];
        return TypedResults.Ok(report.ToApi(moves));
    }

    private static async Task<Ok<ApiDrain>> CancelAsync(ApiContext api, string host) => TypedResults.Ok((await api.Drain(host).CancelAsync(api.Stopping)).ToApi([]));
}
