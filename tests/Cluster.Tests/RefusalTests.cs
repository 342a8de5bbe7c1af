namespace ContainerGrains.Cluster.Tests;

/// <summary>What is told in one sentence, while the container runs on.</summary>
[Collection(nameof(MainCluster))]
public sealed class RefusalTests(MainCluster main) : IDisposable
{
    private const string Name = "steady";
    private readonly LocalCluster _cluster = main.Cluster;
    private bool _slow;

    public void Dispose()
    {
        if (_slow) _cluster.Throttle("host-a", 0);
        _cluster.Remove(Name);
    }

    [Fact]
    public void An_unknown_host_is_told_with_those_that_there_are()
    {
        Run(64);
        AssertRefused(_cluster.Cg("migrate", Name, "--to", "host-x"), "host-x", "host-a", "[HostNotFound]");
        AssertRefused(_cluster.Cg("run", "-d", "--name", "other", "--host", "host-x", "--rootfs", "/", "--", "sleep", "1"), "host-x");
        Assert.DoesNotContain(_cluster.Cg<ApiContainer[]>("ps", "-a"), c => c.Name == "other");
        _cluster.AssertRunsOn(Name, "host-a");
        _cluster.AssertCounts(Name);
    }

    [Fact]
    public void A_name_that_is_taken_is_told_with_who_has_it_on_whichever_host_one_asks()
    {
        Run(1);
        foreach (string asked in _cluster.Hosts)
            foreach (string wanted in _cluster.Hosts)
                AssertRefused(_cluster.CgAt(asked, "run", "-d", "--name", Name, "--host", wanted, "--rootfs", "/", "--", "sleep", "1"), Name, "host-a");
        _cluster.AssertRunsOn(Name, "host-a");
        _cluster.AssertCounts(Name);
        _cluster.AssertNothingOf(Name, "host-b");
    }

    [Fact]
    public void A_second_migrate_is_told_of_the_first_which_goes_on()
    {
        RunForALongMove();
        using Command first = _cluster.StartCg("migrate", Name, "--to", "host-b");
        Wait.Until(() => _cluster.IsOn(Name, "host-b"), "the move is under way", 0);
        AssertRefused(_cluster.Cg("migrate", Name, "--to", "host-c"), Name, "[AlreadyMoving]");
        first.Wait().Check();
        _cluster.AssertRunsOn(Name, "host-b");
        _cluster.AssertCounts(Name);
    }

    [Fact]
    public void A_client_that_goes_away_in_the_middle_does_not_stop_the_move()
    {
        RunForALongMove();
        using Command cg = _cluster.StartCg("migrate", Name, "--to", "host-b");
        Wait.Until(() => _cluster.IsOn(Name, "host-b"), "the move is under way", 0);
        LocalCluster.Signal(cg.Pid, 9);
        Wait.Until(() => _cluster.Inspect(Name) is { Host: "host-b", State: "running" }, "the move has ended");
        _cluster.AssertRunsOn(Name, "host-b");
        _cluster.AssertCounts(Name);
        _cluster.AssertNothingOf(Name, "host-a");
    }

    [Fact]
    public void Ctrl_C_before_the_commit_cancels_the_move()
    {
        RunForALongMove();
        using (Command cg = _cluster.StartCg("migrate", Name, "--to", "host-b"))
        {
            Wait.Until(() => _cluster.IsOn(Name, "host-b"), "the move is under way", 0);
            LocalCluster.Signal(cg.Pid, 2);
            Ended ended = cg.Wait();
            Assert.NotEqual(0, ended.ExitCode);
            Assert.Contains("host-a", ended.Error + _cluster.Inspect(Name).Host, StringComparison.Ordinal);
        }
        _cluster.AssertRunsOn(Name, "host-a");
        _cluster.AssertCounts(Name);
        _cluster.AssertNothingOf(Name, "host-b");
        Assert.Equal("host-b", _cluster.Migrate(Name, "host-b").To);
        _cluster.AssertCounts(Name);
    }

    [Fact]
    public void Ctrl_C_after_the_commit_comes_too_late_and_the_move_is_finished()
    {
        Run(64);
        using Command cg = _cluster.StartCg("migrate", Name, "--to", "host-b", "--json");
        Wait.Until(() => _cluster.IsOn(Name, "host-b"), "the move is under way", 0);
        // It has asked for the move and hears no answer until the move has been committed.
        LocalCluster.Signal(cg.Pid, 19);
        Wait.Until(() => _cluster.Inspect(Name) is { Host: "host-b", State: "running" }, "the move is committed");
        LocalCluster.Signal(cg.Pid, 2);
        LocalCluster.Signal(cg.Pid, 18);
        ApiMigration report = LocalCluster.Parse<ApiMigration>(cg.Wait().Check().Out);
        Assert.Equal(("host-a", "host-b"), (report.From, report.To));
        _cluster.AssertRunsOn(Name, "host-b");
        _cluster.AssertCounts(Name);
        _cluster.AssertNothingOf(Name, "host-a");
    }

    private void Run(int mebibytes) => _cluster.RunWorkload(Name, "host-a", "heavy.py", $"{mebibytes}", "50");

    // Nearly three seconds over such a link: time for something to happen in.
    private void RunForALongMove()
    {
        Run(128);
        _cluster.AssertCounts(Name);
        _cluster.Throttle("host-a", 400);
        _slow = true;
    }

    private static void AssertRefused(Ended ended, params string[] said)
    {
        Assert.Equal(125, ended.ExitCode);
        string line = Assert.Single(ended.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.All(said, s => Assert.Contains(s, line, StringComparison.Ordinal));
    }
}
