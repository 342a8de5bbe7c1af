using System.Collections.Concurrent;
using System.Diagnostics;
using ContainerGrains.Client;

namespace ContainerGrains.Silo.Tests;

/// <summary>A host is drained by a service, over whole silos.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task A_service_drains_a_host_and_the_drain_with_its_moves_is_one_trace()
    {
        await using SiloCluster cluster = await SiloCluster.StartAsync();
        string[] names = ["drained-0", "drained-1", "drained-2"];
        foreach (string name in names)
            await cluster.Cluster.RunAsync(name, HostPair.Spec with { Host = "host-a" });
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "ContainerGrains" || source.Name.StartsWith("Microsoft.Orleans", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        DrainReport report = await cluster.Cluster.DrainAsync("host-a", new DrainOptions { Parallel = 1 });

        Assert.Equal((DrainState.Drained, "host-a"), (report.State, report.Host));
        Assert.Equal(names, report.Containers.Select(c => c.Name));
        Assert.All(report.Containers, c => Assert.Equal([c.To!], cluster.World.RunningOn(c.Name)));
        Assert.Equal(["host-a"], (await cluster.Cluster.GetHostsAsync()).Where(h => h.Cordoned).Select(h => h.Name));
        await Until.TrueAsync(() => spans.Any(s => s.OperationName == "drain"), "the span of the drain has ended");
        Activity drain = spans.Single(s => s.OperationName == "drain");
        Assert.Equal((report.TraceId, "host-a", 3), (drain.TraceId.ToString(), drain.GetTagItem("host.name"), drain.GetTagItem("drain.moved")));
        Activity[] moves = [.. spans.Where(s => s.OperationName == "migrate" && names.Contains(s.GetTagItem("container.name")))];
        Assert.Equal(names, moves.Select(m => m.GetTagItem("container.name")!.ToString()!).Order());
        Assert.All(moves, m => Assert.Equal(report.TraceId, m.TraceId.ToString()));
        // Under it, by way of Orleans' own spans of the calls.
        Dictionary<string, string?> parents = spans.DistinctBy(s => s.Id).ToDictionary(s => s.Id!, s => s.ParentId);
        Assert.All(moves, m => Assert.Contains(drain.Id, Ancestors(m.Id!, parents)));
        Assert.Empty(cluster.World.Violations);

        Assert.True(await cluster.Cluster.UncordonAsync("host-a"));
        Assert.Equal(DrainState.Drained, (await cluster.Cluster.CancelDrainAsync("host-a")).State);
        Assert.Equal(ContainerErrorCode.HostNotFound, (await Assert.ThrowsAsync<ContainerException>(() => cluster.Cluster.DrainAsync("host-x"))).Code);
    }

    private static IEnumerable<string?> Ancestors(string id, Dictionary<string, string?> parents)
    {
        for (string? at = id; at is not null && parents.TryGetValue(at, out string? parent); at = parent)
            yield return parent;
    }
}
