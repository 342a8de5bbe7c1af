namespace ContainerGrains.Cluster.Tests;

/// <summary>What goes wrong before the commit leaves the container running where it was, and nothing of it where it was to go.</summary>
[Collection(nameof(MainCluster))]
public sealed class FailureTests(MainCluster main) : IDisposable
{
    private const string Name = "heavy";
    private readonly LocalCluster _cluster = main.Cluster;
    private bool _killed;

    /// <summary>The cluster is whole for the next one.</summary>
    public void Dispose()
    {
        _cluster.Link("host-b", up: true);
        if (_killed)
        {
            // The cable's case: the others have declared it dead, it must begin anew.
            Kill();
            _cluster.Revive("host-b");
        }
        _cluster.Remove(Name);
    }

    [Fact]
    public void A_target_that_is_killed_during_the_rounds_leaves_the_container_on_the_source()
    {
        Fail(move =>
        {
            Wait.Until(() => _cluster.IsOn(Name, "host-b"), "the shadow is being built", 0);
            Assert.False(_cluster.IsFrozen(Name, "host-a"));
            Kill();
        });
        _cluster.Revive("host-b");
        _killed = false;
        // Its next silo has cleared away what it had of the shadow.
        _cluster.AssertNothingOf(Name, "host-b");
        AssertHealthy("host-b");
    }

    [Fact]
    public void A_target_that_is_killed_during_the_freeze_leaves_the_container_on_the_source()
    {
        // The last pages take two seconds over such a link.
        _cluster.Throttle("host-a", 200);
        try
        {
            Fail(move =>
            {
                Wait.Until(() => _cluster.StandsStill(Name, "host-a") || move.HasExited, "the source is frozen", 0);
                Assert.False(move.HasExited, "the move ended before its freeze was seen");
                Kill();
            }, mebibytes: 64, pages: 12_000);
        }
        finally
        {
            _cluster.Throttle("host-a", 0);
        }
        _cluster.Revive("host-b");
        _killed = false;
        // Its next silo has cleared away what it had of the shadow.
        _cluster.AssertNothingOf(Name, "host-b");
        AssertHealthy("host-b");
    }

    [Fact]
    public void A_host_that_is_killed_fails_no_call_that_does_not_need_it()
    {
        // Its silo answers for these names, of containers that are nowhere.
        string[] names = [.. Enumerable.Range(0, 4).Select(i => $"{Name}{i}")];
        foreach (string name in names) Assert.Contains("There is no container", _cluster.CgAt("host-b", "inspect", name).Error, StringComparison.Ordinal);
        Kill();
        // What was sent before the kernel closed its connections may have been heard: that is never sent again.
        Wait.Until(() => !_cluster.AreConnected("host-a", "host-b"), "host-a has seen the connections close");
        foreach (string name in names)
        {
            _cluster.RunWorkload(name, "host-a", "heavy.py", "1", "1");
            _cluster.AssertCounts(name);
            _cluster.Remove(name);
        }
    }

    [Fact]
    public void A_cable_that_is_pulled_during_the_rounds_leaves_the_container_on_the_source()
    {
        Fail(move =>
        {
            Wait.Until(() => _cluster.IsOn(Name, "host-b"), "the shadow is being built", 0);
            _killed = true;
            _cluster.Link("host-b", up: false);
        });
        _cluster.AssertNothingOf(Name, "host-b");
        // The one that was not cut off.
        AssertHealthy("host-c");
    }

    [Fact]
    public void A_volume_that_the_target_lacks_refuses_the_offer()
    {
        using var volume = new TemporaryDirectory();
        string here = Directory.CreateDirectory($"{volume.Path}/data").FullName, away = $"{volume.Path}/away";
        Refuse(["-v", $"{here}:/data"], () => Directory.Move(here, away), () => Directory.Move(away, here), here);
    }

    [Fact]
    public void A_root_file_system_that_the_target_lacks_refuses_the_offer()
    {
        using var parent = new TemporaryDirectory();
        string here = $"{parent.Path}/rootfs", away = $"{parent.Path}/away";
        SmallRoot.Make(here);
        Refuse(["--rootfs", here], () => Directory.Move(here, away), () => Directory.Move(away, here), here);
    }

    /// <summary>A move to host-b that something happens to.</summary>
    /// <param name="mebibytes">So much that rounds and freeze last long enough to be hit.</param>
    private void Fail(Action<Command> happens, int mebibytes = 512, int pages = 20_000)
    {
        _cluster.RunWorkload(Name, "host-a", "heavy.py", $"{mebibytes}", $"{pages}");
        _cluster.AssertCounts(Name);
        using Command move = _cluster.StartCg("migrate", Name, "--to", "host-b", "--max-rounds", "2");
        happens(move);
        Ended ended = move.Wait();
        Assert.True(ended.ExitCode == 125, $"the move ended with {ended.ExitCode}: {ended.Error}{ended.Out}");
        Assert.Single(ended.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        _cluster.AssertRunsOn(Name, "host-a");
        _cluster.AssertCounts(Name);
        Assert.False(_cluster.IsOn(Name, "host-b") && !_cluster.IsFrozen(Name, "host-b"), "a copy runs on the target");
    }

    private void Kill()
    {
        _killed = true;
        _cluster.KillSilo("host-b");
    }

    /// <summary>The next move succeeds, and nothing of the failed one or of this is left.</summary>
    private void AssertHealthy(string host)
    {
        Assert.Equal(host, _cluster.Migrate(Name, host).To);
        _cluster.AssertRunsOn(Name, host);
        _cluster.AssertCounts(Name);
        _cluster.AssertNothingOf(Name, "host-a");
        _cluster.Remove(Name);
        _cluster.AssertNothingOf(Name, host);
    }

    private void Refuse(string[] options, Action takeAway, Action bringBack, string said)
    {
        string[] rootfs = options.Contains("--rootfs") ? [] : ["--rootfs", "/"];
        _cluster.Cg(["run", "-d", "--name", Name, "--host", "host-a", .. rootfs, .. options, "--", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"]).Check();
        takeAway();
        Ended ended = _cluster.Cg("migrate", Name, "--to", "host-b");
        bringBack();
        Assert.Equal(125, ended.ExitCode);
        Assert.Contains(said, ended.Error, StringComparison.Ordinal);
        Assert.Contains("host-b", ended.Error, StringComparison.Ordinal);
        _cluster.AssertRunsOn(Name, "host-a");
        _cluster.AssertCounts(Name);
        _cluster.AssertNothingOf(Name, "host-b");
        AssertHealthy("host-b");
    }
}
