using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>A service that calls the container's grain while it moves.</summary>
[Collection(nameof(MainCluster))]
public sealed class CallTests(MainCluster main)
{
    private const int Calls = 10_000, Moves = 10;
    private readonly LocalCluster _cluster = main.Cluster;

    [Fact]
    public void Ten_thousand_calls_across_ten_moves_none_fails_none_is_lost()
    {
        _cluster.RunWorkload("called", "host-a", "signal_counter.py");
        try
        {
            using Command caller = Command.Start("nsenter", [$"--net={_cluster.ClientNamespace}", Dev.Program("ContainerGrains.GrainCaller"), "called", "6", $"{Calls}"],
                new Dictionary<string, string> { ["Cluster__Path"] = $"{_cluster.StateDirectory}/cluster.db" });
            Wait.Until(() => caller.Out.Contains("ready", StringComparison.Ordinal) || caller.HasExited, "the service has connected");
            for (int i = 1; i <= Moves; i++)
                _cluster.Migrate("called", _cluster.Hosts[i % _cluster.Hosts.Count]);
            caller.Say("enough");
            Tally tally = LocalCluster.Parse<Tally>(caller.Wait().Check().Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]);
            Assert.True(tally.Failures.Length == 0, string.Join('\n', tally.Failures.Take(5)));
            Assert.True(tally.Calls >= Calls, $"only {tally.Calls} calls");
            Assert.True(tally.Signals > Calls / 4, $"only {tally.Signals} signals");
            string[] seen = [];
            Wait.Until(() => (seen = _cluster.Output("called")).Length > tally.Signals, $"the container has seen {tally.Signals} signals");
            Assert.Equal(Enumerable.Range(0, tally.Signals + 1).Select(n => n.ToString(CultureInfo.InvariantCulture)), seen);
            string[] execs = _cluster.Cg("exec", "called", "--", "cat", "/calls").Check().Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(tally.Execs.Order(), execs.Select(n => int.Parse(n, CultureInfo.InvariantCulture)).Order());
            Assert.NotEmpty(execs);
        }
        finally
        {
            _cluster.Remove("called");
        }
    }

    private sealed record Tally(int Calls, int Signals, int[] Execs, string[] Failures);
}
