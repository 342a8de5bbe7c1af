namespace ContainerGrains.Cluster.Tests;

/// <summary>What a collector outside hears of a move.</summary>
public sealed class TraceTests
{
    [Fact]
    public void A_move_is_one_trace_of_its_caller_across_both_hosts()
    {
        using var cluster = new LocalCluster(2, SpanReceiver.Environment);
        using var collector = new SpanReceiver(cluster.Client);
        cluster.Run("traced", "host-a", [], ["sleep", "1000"]);
        const string TraceId = "0123456789abcdef0123456789abcdef";
        ApiMigration report = LocalCluster.Parse<ApiMigration>(cluster.CgTraced($"00-{TraceId}-0123456789abcdef-01", "migrate", "traced", "--to", "host-b", "--json").Check().Out);
        Assert.Equal(TraceId, report.TraceId);

        (string Host, string Span)[] expected =
        [
            ("host-a", "migrate"), ("host-a", "offer"), ("host-a", "round"), ("host-a", "freeze"), ("host-a", "dump"), ("host-a", "send"),
            ("host-b", "hand-over"), ("host-b", "arrive"), ("host-b", "restore"), ("host-b", "commit"), ("host-b", "thaw"),
        ];
        Wait.Until(() => !expected.Except(collector.Of(TraceId).Select(s => (s.Host, s.Name))).Any(), "all spans of the move have been exported");
        Assert.All(collector.Of(TraceId), s => Assert.Equal("containergrains-silo", s.Service));
        Assert.Equal(report.Rounds.Count, collector.Of(TraceId).Count(s => s.Name == "round"));
    }
}
