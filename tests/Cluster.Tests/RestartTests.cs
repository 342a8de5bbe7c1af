using System.Net;
using ContainerGrains.DemoClient;

namespace ContainerGrains.Cluster.Tests;

/// <summary>A silo that is killed, or makes room for a newer one, leaves its containers running; the next one takes them back.</summary>
[Collection(nameof(MainCluster))]
public sealed class RestartTests(MainCluster main) : IDisposable
{
    private const string Name = "lasting", Served = "served";
    private readonly LocalCluster _cluster = main.Cluster;

    public void Dispose()
    {
        // Does nothing when it lives.
        _cluster.Revive("host-b");
        _cluster.Remove(Name);
        if (_cluster.Cg("inspect", Served).ExitCode == 0) _cluster.Remove(Served);
    }

    [Fact]
    public void Containers_run_on_through_it_are_found_and_move()
    {
        int pid = Count("host-b");
        ApiContainer web = _cluster.Run(Served, "host-b", [], ["redis-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--dir", "/tmp"]);
        var counter = new Counter(new IPEndPoint(IPAddress.Parse(web.Address!), 6379), 16);
        _cluster.Client.Run(counter.Start);
        AwaitReplies(counter);
        using Command exec = _cluster.StartCg("exec", Name, "--", "sh", "-c", "while [ ! -e /tmp/enough ]; do sleep 0.05; done; exit 7");
        Wait.Until(() => _cluster.Inspect(Name).Processes!.Any(IsExec), "the exec runs");
        int execPid = _cluster.Inspect(Name).Processes!.First(IsExec).RealPid;

        Restart();
        AwaitReplies(counter);
        foreach (string name in (string[])[Name, Served]) _cluster.AssertRunsOn(name, "host-b");
        Assert.Equal((pid, web.InitPid), (_cluster.Inspect(Name).InitPid, _cluster.Inspect(Served).InitPid));
        Assert.Equal(execPid, _cluster.Inspect(Name).Processes!.First(IsExec).RealPid);
        _cluster.AssertCounts(Name);
        Assert.Equal("1\n", _cluster.Cg("exec", Name, "--", "echo", "1").Check().Out);

        foreach (string name in (string[])[Name, Served])
        {
            Assert.Equal("host-c", _cluster.Migrate(name, "host-c").To);
            _cluster.AssertRunsOn(name, "host-c");
            _cluster.AssertNothingOf(name, "host-b");
        }
        Assert.Contains(_cluster.Inspect(Name).Processes!, IsExec);
        _cluster.Cg("exec", Name, "--", "touch", "/tmp/enough").Check();
        string[] Ends() => [.. Directory.GetFiles($"{_cluster.StateDirectory}/host-c/containers/{Name}/logs", "exec-*.exit").Select(File.ReadAllText)];
        Wait.Until(() => Ends().Contains("7 0"), "the exec ends as it would have");
        _cluster.AssertCounts(Name);
        AwaitReplies(counter);
        CounterResult result = counter.Stop();
        Assert.Equal((0, 0, 0), (result.Lost, result.Reconnects, result.Wrong));
    }

    [Fact]
    public void What_ended_or_was_removed_meanwhile_is_known_afterwards()
    {
        int pid = Count("host-b");
        _cluster.Run(Served, "host-b", [], ["sleep", "1000"]);
        _cluster.KillSilo("host-b");
        _cluster.AwaitDeath("host-b", ["host-a", "host-c"]);
        LocalCluster.Signal(pid, 9);
        _cluster.Remove(Served);
        Assert.True(_cluster.IsOn(Served, "host-b"));
        _cluster.Revive("host-b");
        Wait.Until(() => _cluster.Cg<ApiContainer[]>("ps", "-a").Single(c => c.Name == Name).State == "exited", "its end is recorded");
        _cluster.AssertNothingOf(Served, "host-b");
    }

    [Fact]
    public void One_that_stood_still_in_a_move_runs_on_once()
    {
        _cluster.RunWorkload(Name, "host-b", "heavy.py", "64", "12000");
        _cluster.AssertCounts(Name);
        // The last pages take two seconds over such a link.
        _cluster.Throttle("host-b", 200);
        try
        {
            using Command move = _cluster.StartCg("migrate", Name, "--to", "host-c", "--max-rounds", "2");
            Wait.Until(() => _cluster.StandsStill(Name, "host-b") || move.HasExited, "the source is frozen", 0);
            Assert.False(move.HasExited, "the move ended before its freeze was seen");
            _cluster.KillSilo("host-b");
            move.Wait();
        }
        finally
        {
            _cluster.Throttle("host-b", 0);
        }
        _cluster.Revive("host-b");

        AwaitRunning();
        string home = _cluster.Inspect(Name).Host!;
        _cluster.AssertRunsOn(Name, home);
        foreach (string other in _cluster.Hosts.Where(h => h != home)) _cluster.AssertNothingOf(Name, other);
        _cluster.AssertCounts(Name);
        string next = home == "host-a" ? "host-b" : "host-a";
        Assert.Equal(next, _cluster.Migrate(Name, next).To);
        _cluster.AssertCounts(Name);
    }

    private int Count(string host)
    {
        int pid = _cluster.Run(Name, host, [], ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"]).InitPid;
        _cluster.AssertCounts(Name);
        return pid;
    }

    private void Restart()
    {
        _cluster.KillSilo("host-b");
        _cluster.Revive("host-b");
        AwaitRunning();
    }

    // Until the old silo is declared dead, calls that need it are refused.
    private void AwaitRunning() =>
        Wait.Until(() => _cluster.Cg("inspect", Name, "--json") is { ExitCode: 0 } inspect && LocalCluster.Parse<ApiContainer>(inspect.Out).State == "running", $"'{Name}' is found again");

    private static bool IsExec(ApiProcess process) => process.CommandLine is ["sh", "-c", var script] && script.Contains("enough", StringComparison.Ordinal);

    private static void AwaitReplies(Counter counter)
    {
        long wanted = counter.Replies + 200;
        Wait.Until(() => counter.Replies >= wanted, "redis answers", 1);
    }
}
