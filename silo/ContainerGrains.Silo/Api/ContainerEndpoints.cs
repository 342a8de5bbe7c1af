using ContainerGrains.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ContainerGrains.Silo.Api;

/// <summary>A container's life: create, start, list, look, stop, kill, wait, remove.</summary>
internal static class ContainerEndpoints
{
    public static void Map(RouteGroupBuilder v1)
    {
        RouteGroupBuilder group = v1.MapGroup("/containers").WithTags("containers");
        group.MapGet("/", ListAsync).WithName("listContainers").WithSummary("Containers of the cluster; running ones only, unless all=true.");
        group.MapPost("/", CreateAsync).WithName("createContainer").WithSummary("Claims a name and records the spec; starts it too with start=true.");
        group.MapGet("/{name}", InspectAsync).WithName("inspectContainer").WithSummary("A container with its processes.");
        group.MapDelete("/{name}", DeleteAsync).WithName("deleteContainer").WithSummary("Removes a container; force=true kills it first.");
        group.MapPost("/{name}/start", StartAsync).WithName("startContainer").WithSummary("Starts the recorded program.");
        group.MapPost("/{name}/stop", StopAsync).WithName("stopContainer").WithSummary("Sends the stop signal and, after timeoutMs, SIGKILL; returns when it has exited.");
        group.MapPost("/{name}/kill", KillAsync).WithName("killContainer").WithSummary("Sends a signal (by number) to a virtual pid, init by default.");
        group.MapGet("/{name}/wait", WaitAsync).WithName("waitContainer").WithSummary("Waits up to timeoutMs for the exit; callers repeat.");
        group.MapGet("/{name}/processes", ProcessesAsync).WithName("listProcesses").WithSummary("Processes with their pids on every level.");
        group.MapGet("/{name}/stats", StatsAsync).WithName("containerStats").WithSummary("Use of CPU, memory and network.");
    }

    private static async Task<Ok<IReadOnlyList<ApiContainer>>> ListAsync(ApiContext api, CancellationToken cancellationToken, bool all = false)
    {
        IReadOnlyList<ContainerStatus> containers = await api.Cluster.GetContainersAsync(cancellationToken);
        IReadOnlyList<ApiContainer> answer =
        [
            .. containers.Where(c => all || c.Phase is ContainerPhase.Running or ContainerPhase.Moving)
                .OrderBy(c => c.Name, StringComparer.Ordinal).Select(c => c.ToApi()),
        ];
        return TypedResults.Ok(answer);
    }

    private static async Task<Created<ApiContainer>> CreateAsync(ApiContext api, ApiCreateRequest request)
    {
        IContainerGrain container = api.Container(request.Name);
        ContainerStatus status = await container.CreateAsync(request.Spec.ToSpec(), api.Stopping);
        if (request.Start)
            status = await StartOrRemoveAsync(container, api.Stopping);
        return TypedResults.Created($"/{ApiVersion.Current}/containers/{request.Name}", status.ToApi());
    }

    /// <summary>Who mistyped a program gets the error, and the name is free for the next try.</summary>
    private static async Task<ContainerStatus> StartOrRemoveAsync(IContainerGrain container, CancellationToken cancellationToken)
    {
        try
        {
            return await container.StartAsync(cancellationToken);
        }
        catch (ContainerException)
        {
            await container.DeleteAsync(force: true, cancellationToken);
            throw;
        }
    }

    private static async Task<Ok<ApiContainer>> InspectAsync(ApiContext api, string name, CancellationToken cancellationToken)
    {
        ContainerStatus status = await api.StatusAsync(name, cancellationToken);
        IReadOnlyList<ProcessInfo> processes = [];
        if (status.Phase is ContainerPhase.Running or ContainerPhase.Moving)
        {
            try
            {
                processes = await api.Container(name).GetProcessesAsync(cancellationToken);
            }
            catch (ContainerException e) when (e.Code == ContainerErrorCode.WrongPhase)
            {
                // It has exited between the two calls.
                status = await api.StatusAsync(name, cancellationToken);
            }
        }
        return TypedResults.Ok(status.ToApi(processes));
    }

    private static async Task<Ok<ApiRemoved>> DeleteAsync(ApiContext api, string name, bool force = false)
    {
        await api.Container(name).DeleteAsync(force, api.Stopping);
        return TypedResults.Ok(new ApiRemoved(name));
    }

    private static async Task<Ok<ApiContainer>> StartAsync(ApiContext api, string name) =>
        TypedResults.Ok((await api.Container(name).StartAsync(api.Stopping)).ToApi());

    private static async Task<Ok<ApiExit>> StopAsync(ApiContext api, string name, int timeoutMs = 10_000) =>
        TypedResults.Ok((await api.Container(name).StopAsync(TimeSpan.FromMilliseconds(Math.Max(0, timeoutMs)), api.Stopping)).ToApi());

    private static async Task<NoContent> KillAsync(ApiContext api, string name, int signal = 9, int pid = 1)
    {
        if (signal is < 0 or > 64)
            throw new ContainerException(ContainerErrorCode.InvalidSpec, $"{signal} is not a signal: Linux has 1 to 64.");
        await api.Container(name).KillAsync(signal, pid, api.Stopping);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<ApiWait>> WaitAsync(ApiContext api, TimeProvider time, string name, CancellationToken cancellationToken, int timeoutMs = 30_000)
    {
        IContainerGrain container = api.Container(name);
        long began = time.GetTimestamp();
        TimeSpan timeout = TimeSpan.FromMilliseconds(Math.Clamp(timeoutMs, 0, 600_000));
        while (true)
        {
            TimeSpan left = timeout - time.GetElapsedTime(began);
            TimeSpan poll = left < TimeSpan.Zero ? TimeSpan.Zero : left < api.Options.LongPoll ? left : api.Options.LongPoll;
            ExitStatus? exit = await container.WaitAsync(poll, cancellationToken);
            if (exit is not null || left <= poll)
                return TypedResults.Ok(new ApiWait(exit?.ToApi()));
        }
    }

    private static async Task<Ok<IReadOnlyList<ApiProcess>>> ProcessesAsync(ApiContext api, string name, CancellationToken cancellationToken)
    {
        IReadOnlyList<ProcessInfo> processes = await api.Container(name).GetProcessesAsync(cancellationToken);
        return TypedResults.Ok<IReadOnlyList<ApiProcess>>([.. processes.Select(p => p.ToApi())]);
    }

    private static async Task<Ok<ApiStats>> StatsAsync(ApiContext api, string name, CancellationToken cancellationToken) =>
        TypedResults.Ok((await api.Container(name).GetStatsAsync(cancellationToken)).ToApi());
}
