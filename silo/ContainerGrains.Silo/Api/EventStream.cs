using ContainerGrains.Api;

namespace ContainerGrains.Silo.Api;

/// <summary>Changes of containers, found by comparing the cluster's list with the one before; short-lived states in between are not seen.</summary>
internal static class EventStream
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    public static async Task WriteAsync(HttpContext http, ApiContext api, TimeProvider time, CancellationToken cancellationToken)
    {
        var known = new Dictionary<string, ContainerStatus>(StringComparer.Ordinal);
        bool first = true;
        while (true)
        {
            IReadOnlyList<ContainerStatus> current = await api.Cluster.GetContainersAsync(cancellationToken);
            if (first)
            {
                http.Response.ContentType = Ndjson.ContentType;
                await http.Response.StartAsync(cancellationToken);
            }
            foreach (ApiEvent change in Changes(known, current, first, time.GetUtcNow()))
                await Ndjson.WriteLineAsync(http.Response, change, ApiJson.Relaxed.ApiEvent, cancellationToken);
            first = false;
            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>What differs from <paramref name="known"/>, which is brought up to date.</summary>
    internal static List<ApiEvent> Changes(Dictionary<string, ContainerStatus> known, IReadOnlyList<ContainerStatus> current, bool first, DateTimeOffset now)
    {
        var changes = new List<ApiEvent>();
        foreach (ContainerStatus status in current)
        {
            ContainerStatus? before = known.GetValueOrDefault(status.Name);
            if (TypeOf(before, status, first) is { } type)
                changes.Add(ToEvent(type, status, now));
            known[status.Name] = status;
        }
        var names = current.Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        foreach (ContainerStatus gone in known.Values.Where(k => !names.Contains(k.Name)).ToList())
        {
            known.Remove(gone.Name);
            changes.Add(ToEvent("removed", gone, now));
        }
        return changes;
    }

    private static string? TypeOf(ContainerStatus? before, ContainerStatus now, bool first)
    {
        if (before is null)
            return first ? "present" : now.Phase == ContainerPhase.Running ? "started" : "created";
        bool elsewhere = before.Host is not null && now.Host is not null && before.Host != now.Host;
        if (elsewhere && now.Phase is ContainerPhase.Running or ContainerPhase.Moving)
            return "moved";
        if (before.Phase == now.Phase)
            return null;
        return now.Phase switch
        {
            ContainerPhase.Running => before.Phase == ContainerPhase.Moving ? null : "started",
            ContainerPhase.Moving => "moving",
            ContainerPhase.Suspended => "suspended",
            ContainerPhase.Exited => "exited",
            _ => "created",
        };
    }

    private static ApiEvent ToEvent(string type, ContainerStatus status, DateTimeOffset now) =>
        new(now, type, status.Name, status.Phase.ToString().ToLowerInvariant(), status.Host, status.Generation);
}
