using System.Text.RegularExpressions;

namespace ContainerGrains.Cluster.Tests;

/// <summary>The verbs of ./dev that make clusters, and what they leave behind: nothing.</summary>
public sealed partial class DevTests
{
    [Fact]
    public void A_fourth_host_joins_a_killed_one_is_gone_and_comes_back()
    {
        using var cluster = new LocalCluster(3);
        Assert.Equal(["host-a", "host-b", "host-c"], Active(cluster));
        // What is so stays so.
        int pid = cluster.SiloPid("host-a");
        Dev.Run(cluster.Name, "up", "--no-build").Check();
        Assert.Equal(pid, cluster.SiloPid("host-a"));

        Dev.Run(cluster.Name, "host", "host-d", "--no-build").Check();
        Assert.Equal(["host-a", "host-b", "host-c", "host-d"], Active(cluster));
        cluster.Run("guest", "host-d", [], ["sleep", "1000"]);
        cluster.Run("stays", "host-a", [], ["sleep", "1000"]);
        Dev.Run(cluster.Name, "kill-host", "host-d").Check();
        Assert.False(cluster.IsOn("guest", "host-d"));
        Assert.True(cluster.IsOn("stays", "host-a"));
        cluster.AwaitDeath("host-d", ["host-a", "host-b", "host-c"]);
        Dev.Run(cluster.Name, "host", "host-d", "--no-build").Check();
        Assert.Contains("host-d", Active(cluster));
        Assert.Equal("host-d", cluster.Migrate("stays", "host-d").To);

        Assert.NotEqual(0, Dev.Run(cluster.Name, "kill-host", "host-e").ExitCode);
        Assert.NotEqual(0, Dev.Run(cluster.Name, "host", "elsewhere", "--no-build").ExitCode);
    }

    [Fact]
    public void The_demo_moves_ten_times_loses_nothing_and_leaves_nothing()
    {
        using var demo = new Demo();
        Ended ended = demo.Command.Wait().Check();
        Assert.Matches(Result(), ended.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]);
        demo.AssertNothingLeft();
    }

    [Fact]
    public void A_demo_that_is_interrupted_leaves_nothing()
    {
        using var demo = new Demo();
        Wait.Until(() => demo.Command.Out.Contains("   2  host-b", StringComparison.Ordinal) || demo.Command.HasExited, "the demo makes its second move");
        Assert.NotEmpty(Leftovers.Of(demo.Name));
        // As a terminal does at Ctrl-C: to all of the group.
        LocalCluster.Signal(-demo.Command.Pid, 2);
        Assert.Equal(130, demo.Command.Wait().ExitCode);
        demo.AssertNothingLeft();
    }

    [Fact]
    public void What_a_killed_test_left_is_removed_by_the_next_one()
    {
        using Command past = Command.Start("true", []);
        int pid = past.Pid;
        past.Wait();
        string name = $"t{pid}a";
        Dev.Run(name, "up", "--no-build", "--hosts", "1").Check();
        Assert.NotEmpty(Leftovers.Of(name));
        Leftovers.Sweep();
        Leftovers.AssertNone(name);
    }

    private static string[] Active(LocalCluster cluster) => [.. cluster.Cg<ApiHost[]>("hosts").Where(h => h.State == "Active").Select(h => h.Name)];

    [GeneratedRegex("^demo: moves=10 replies=[1-9][0-9]* lost=0 reconnects=0 freeze_ms_p50=[0-9.]+ freeze_ms_max=[0-9.]+ client_gap_ms_p50=[0-9.]+ client_gap_ms_max=[0-9.]+$")]
    private static partial Regex Result();

    private sealed class Demo : IDisposable
    {
        private readonly TemporaryDirectory _temporary = new();

        public Demo()
        {
            Leftovers.Sweep();
            Command = Dev.Start(Name, new Dictionary<string, string> { ["TMPDIR"] = _temporary.Path }, "demo", "--no-build");
        }

        public string Name { get; } = Leftovers.NewName();
        public Command Command { get; }

        public void AssertNothingLeft()
        {
            Leftovers.AssertNone(Name);
            Assert.Empty(Directory.EnumerateFileSystemEntries(_temporary.Path));
        }

        public void Dispose()
        {
            Command.Dispose();
            Dev.Run(Name, "down").Check();
            _temporary.Dispose();
        }
    }
}
