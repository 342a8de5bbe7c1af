using System.Reflection;
using System.Runtime.InteropServices;
using ContainerGrains.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ContainerGrains.Silo.Api;

/// <summary>Hosts, checks, pids, events, and who answers.</summary>
internal static class ClusterEndpoints
{
    private static readonly string Version =
        typeof(ClusterEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    public static void Map(RouteGroupBuilder v1)
    {
        RouteGroupBuilder group = v1.MapGroup("").WithTags("cluster");
        group.MapGet("/version", GetVersion).WithName("version").WithSummary("The silo that answers.");
        group.MapGet("/hosts", HostsAsync).WithName("listHosts").WithSummary("Hosts of the cluster.");
        group.MapGet("/hosts/{host}", HostAsync).WithName("inspectHost").WithSummary("One host.");
        group.MapGet("/check", CheckAsync).WithName("check").WithSummary("Whether a host, by default this one, can do the job, and what is missing.");
        group.MapGet("/translate", TranslateAsync).WithName("translatePid")
            .WithSummary("A pid of one context in another. Contexts: host, host:NAME, a container's name, a path of nested containers.");
        group.MapGet("/events", EventStream.WriteAsync).WithName("events").Produces<ApiEvent>(200, Ndjson.ContentType)
            .WithSummary("Changes of all containers as they happen, after one line for each that is there.");
    }

    private static Ok<ApiVersion> GetVersion(ApiContext api) =>
        TypedResults.Ok(new ApiVersion(Version, api.Options.HostName, RuntimeInformation.FrameworkDescription, ApiVersion.Current));

    private static async Task<Ok<IReadOnlyList<ApiHost>>> HostsAsync(ApiContext api, CancellationToken cancellationToken)
    {
        IReadOnlyList<HostInfo> hosts = await api.Cluster.GetHostsAsync(cancellationToken);
        return TypedResults.Ok<IReadOnlyList<ApiHost>>([.. hosts.OrderBy(h => h.Name, StringComparer.Ordinal).Select(h => h.ToApi())]);
    }

    private static async Task<Ok<ApiHost>> HostAsync(ApiContext api, string host, CancellationToken cancellationToken) =>
        TypedResults.Ok((await FindHostAsync(api, host, cancellationToken)).ToApi());

    private static async Task<Ok<ApiCheckReport>> CheckAsync(ApiContext api, CancellationToken cancellationToken, string? host = null)
    {
        if (host is not null && host != api.Options.HostName)
            _ = await FindHostAsync(api, host, cancellationToken);
        string name = host ?? api.Options.HostName;
        IReadOnlyList<HostCheck> checks = await api.Host(name).CheckAsync(cancellationToken);
        return TypedResults.Ok(new ApiCheckReport(
            name, checks.All(c => c.Ok || !c.Required), [.. checks.Select(c => new ApiCheck(c.Name, c.Ok, c.Required, c.Detail, c.Remedy))]));
    }

    private static async Task<HostInfo> FindHostAsync(ApiContext api, string name, CancellationToken cancellationToken)
    {
        IReadOnlyList<HostInfo> hosts = await api.Cluster.GetHostsAsync(cancellationToken);
        return hosts.FirstOrDefault(h => h.Name == name) ?? throw new ContainerException(ContainerErrorCode.HostNotFound,
            $"There is no host '{name}' in the cluster; it has {(hosts.Count == 0 ? "none" : string.Join(", ", hosts.Select(h => h.Name)))}.");
    }

    private static async Task<Ok<ApiTranslation>> TranslateAsync(ApiContext api, int pid, string from, string to, CancellationToken cancellationToken)
    {
        PidContext source = PidContext.Parse(from);
        PidContext target = PidContext.Parse(to);
        // One of the two must be a container: it is the one whose grain knows the map.
        string container = source.Container ?? target.Container ?? throw new ContainerException(ContainerErrorCode.InvalidSpec,
            "One of the two contexts must be a container: a host's pid has no other form on a host.");
        if ((target.Container ?? container) != container)
            throw new ContainerException(ContainerErrorCode.InvalidSpec,
                $"A process of '{source.Container}' has no pid in '{target.Container}': translate between a container, the ones nested in it, and their host.");
        ContainerStatus status = await api.StatusAsync(container, cancellationToken);
        foreach (PidContext context in (PidContext[])[source, target])
        {
            if (context.Host is { } host && host != status.Host)
                throw new ContainerException(ContainerErrorCode.InvalidSpec, $"'{container}' is on {status.Host ?? "no host"}, not on {host}: its processes have no pid there.");
        }
        int result = await api.Container(container).TranslatePidAsync(pid, source.Path, target.Path, cancellationToken);
        return TypedResults.Ok(new ApiTranslation(pid, from, to, result));
    }
}
