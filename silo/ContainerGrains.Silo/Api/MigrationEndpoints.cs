using ContainerGrains.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ContainerGrains.Silo.Api;

/// <summary>Moves: set one going and hear of it to its end, or stop it.</summary>
internal static class MigrationEndpoints
{
    /// <summary>How often a cancel looks for the move it is to stop, before it says that there is none.</summary>
    private const int CancelLooks = 20;

    public static void Map(RouteGroupBuilder v1)
    {
        RouteGroupBuilder group = v1.MapGroup("").WithTags("moves");
        group.MapPost("/containers/{name}/migrate", MigrateAsync).WithName("migrateContainer")
            .Produces<ApiMigration>().AddOpenApiOperationTransformer(ApiDocument.AddStreamAsync<ApiMigrationEvent>)
            .WithSummary("Moves a container and answers with the report; with progress=true a stream of progress lines, the last with report or error. A caller that goes away does not stop the move.");
        group.MapPost("/containers/{name}/migrate/cancel", CancelAsync).WithName("cancelMigration").WithSummary("Stops a move before its commit; the container runs on where it was.");
        group.MapGet("/migrations", ListAsync).WithName("listMigrations").WithSummary("Moves under way, and those that have ended a short while ago.");
    }

    private static async Task<IResult> MigrateAsync(
        HttpContext http, ApiContext api, TimeProvider time, string name, ApiMigrateRequest request, bool progress = false)
    {
        ContainerStatus before = await api.StatusAsync(name, api.Stopping);
        Task<MigrationReport> move = new Move(api, time, name).RunAsync(request);
        if (!progress)
            return TypedResults.Ok((await move).ToApi());

        ApiMigrationEvent last;
        try
        {
            await TellAsync(http, api, time, name, before.Host, request.To, move);
            last = new ApiMigrationEvent { Report = (await move).ToApi() };
        }
        catch (Exception e) when (http.Response.HasStarted)
        {
            last = new ApiMigrationEvent { Error = ApiErrors.Describe(e) };
        }
        await Ndjson.WriteLineAsync(http.Response, last, ApiJson.Relaxed.ApiMigrationEvent, http.RequestAborted);
        return Results.Empty;
    }

    /// <summary>Writes what the hosts say of the move until it has ended.</summary>
    private static async Task TellAsync(HttpContext http, ApiContext api, TimeProvider time, string name, string? from, string? to, Task move)
    {
        ApiProgress? told = null;
        while (!move.IsCompleted)
        {
            await Task.WhenAny(move, Task.Delay(api.Options.ProgressInterval, time, http.RequestAborted));
            http.RequestAborted.ThrowIfCancellationRequested();
            MigrationProgress? current = await FindAsync(api, name, [from, to ?? told?.To], http.RequestAborted);
            if (current is null || move.IsCompleted)
                continue;
            ApiProgress next = current.ToApi();
            if (told is not null && (told.Stage, told.Rounds.Count, told.BytesSent) == (next.Stage, next.Rounds.Count, next.BytesSent))
                continue;
            told = next;
            await Ndjson.WriteLineAsync(http.Response, new ApiMigrationEvent { Progress = next }, ApiJson.Relaxed.ApiMigrationEvent, http.RequestAborted);
        }
    }

    private static async Task<Ok<ApiCancelled>> CancelAsync(ApiContext api, TimeProvider time, string name, CancellationToken cancellationToken)
    {
        IContainerGrain container = api.Container(name);
        IReadOnlyList<HostInfo> hosts = await api.Cluster.GetHostsAsync(cancellationToken);
        string?[] names = [.. hosts.Select(h => h.Name)];
        // The move may have been ordered a moment ago and not be known to the hosts yet. Who has gone meanwhile did not mean the next one.
        for (int look = 0; look < CancelLooks; look++)
        {
            if (await FindAsync(api, name, names, cancellationToken) is { } move)
                return TypedResults.Ok(new ApiCancelled(await container.CancelMigrationAsync(move.MigrationId, api.Stopping)));
            await Task.Delay(api.Options.ProgressInterval, time, cancellationToken);
        }
        return TypedResults.Ok(new ApiCancelled(false));
    }

    private static async Task<Ok<IReadOnlyList<ApiProgress>>> ListAsync(ApiContext api, CancellationToken cancellationToken)
    {
        IReadOnlyList<HostInfo> hosts = await api.Cluster.GetHostsAsync(cancellationToken);
        List<MigrationProgress> all = await ProgressAsync(api, hosts.Select(h => h.Name), cancellationToken);
        return TypedResults.Ok<IReadOnlyList<ApiProgress>>([.. all.Select(p => p.ToApi()).DistinctBy(p => p.MigrationId)]);
    }

    /// <summary>The move of a container that has not ended, as one of the hosts tells it.</summary>
    private static async Task<MigrationProgress?> FindAsync(ApiContext api, string name, IEnumerable<string?> hosts, CancellationToken cancellationToken) =>
        (await ProgressAsync(api, hosts.OfType<string>().Distinct(), cancellationToken))
            .Find(p => p.Name == name && p.Stage is not ("done" or "failed"));

    /// <summary>What hosts say of the moves they take part in; nothing of one that does not answer.</summary>
    internal static async Task<List<MigrationProgress>> ProgressAsync(ApiContext api, IEnumerable<string> hosts, CancellationToken cancellationToken)
    {
        var all = new List<MigrationProgress>();
        foreach (string host in hosts)
        {
            try
            {
                all.AddRange(await api.Host(host).GetProgressAsync(cancellationToken));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A host that does not answer has no progress to tell; the move's own call says what became of it.
            }
        }
        return all;
    }
}
