using System.Net;
using ContainerGrains.DemoClient;

namespace ContainerGrains.Cluster.Tests;

/// <summary>Moves that go well, seen from inside and outside.</summary>
[Collection(nameof(MainCluster))]
public sealed class MoveTests(MainCluster main)
{
    private static readonly string[] Route = ["host-b", "host-c", "host-a", "host-b", "host-c", "host-a", "host-b", "host-c", "host-a", "host-b"];
    private readonly LocalCluster _cluster = main.Cluster;

    [Fact]
    public void Redis_answers_every_increment_over_one_connection_while_it_moves_ten_times()
    {
        ApiContainer before = _cluster.Run("web", "host-a", [], ["redis-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--dir", "/tmp"]);
        try
        {
            var counter = new Counter(new IPEndPoint(IPAddress.Parse(before.Address!), 6379), 16);
            _cluster.Client.Run(counter.Start);
            var realPids = new HashSet<int> { Assert.Single(before.Processes!).RealPid };
            string from = "host-a";
            foreach (string host in Route)
            {
                AwaitReplies(counter, 200);
                ApiMigration report = _cluster.Migrate("web", host);
                Assert.Equal((from, host), (report.From, report.To));
                ApiContainer after = _cluster.Inspect("web");
                ApiProcess process = Assert.Single(after.Processes!);
                Assert.Equal((host, before.Address, before.Processes![0].VirtualPid), (after.Host, after.Address, process.VirtualPid));
                Assert.True(realPids.Add(process.RealPid), $"real pid {process.RealPid} again");
                _cluster.AssertRunsOn("web", host);
                _cluster.AssertNothingOf("web", from);
                from = host;
            }
            AwaitReplies(counter, 200);
            CounterResult result = counter.Stop();
            Assert.Equal((0, 0, 0), (result.Lost, result.Reconnects, result.Wrong));
        }
        finally
        {
            _cluster.Remove("web");
        }
        _cluster.AssertNothingOf("web", Route[^1]);
    }

    private static void AwaitReplies(Counter counter, long more)
    {
        long wanted = counter.Replies + more;
        Wait.Until(() => counter.Replies >= wanted, $"redis answers {more} more times", 1);
    }
}
