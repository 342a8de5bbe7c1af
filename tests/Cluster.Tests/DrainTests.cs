namespace ContainerGrains.Cluster.Tests;

/// <summary>A host is emptied while what runs there runs on.</summary>
[Collection(nameof(MainCluster))]
public sealed class DrainTests(MainCluster main) : IDisposable
{
    private const string Left = "host-a";
    // A set of semaphores is in the way of every move; the numbers tell whether it runs on.
    private const string Stubborn = "import ctypes, itertools, time\nassert ctypes.CDLL(None).semget(7, 1, 0o1600) >= 0\nfor i in itertools.count(1):\n    print(i, flush=True)\n    time.sleep(0.01)\n";
    private readonly LocalCluster _cluster = main.Cluster;
    private readonly List<string> _names = [];
    private bool _slow, _killed;

    /// <summary>Whatever has happened, the next test finds three hosts that take containers.</summary>
    public void Dispose()
    {
        try
        {
            if (_slow) _cluster.Throttle(Left, 0);
            if (_killed) _cluster.Revive("host-b");
        }
        finally
        {
            _cluster.Cg("uncordon", Left).Check();
            foreach (string name in _names) _cluster.Remove(name);
        }
    }

    [Fact]
    public void Six_containers_leave_a_host_and_not_one_of_them_misses_a_number()
    {
        string[] names = [.. Enumerable.Range(0, 6).Select(i => Count($"leaving{i}", 4))];
        ApiDrain report = LocalCluster.Parse<ApiDrain>(_cluster.Cg("drain", Left, "--parallel", "3", "--json").Check().Out);
        Assert.Equal((Left, "drained"), (report.Host, report.State));
        Assert.Equal(names, report.Containers.Select(c => c.Name));
        Assert.Equal(["host-b", "host-c"], report.Containers.Select(c => c.To).Distinct().Order());
        foreach (ApiDrainedContainer container in report.Containers)
        {
            Assert.Equal("moved", container.State);
            Assert.True(container.FreezeMs > 0 && container.TotalMs >= container.FreezeMs, $"{container.Name}: {container.FreezeMs} ms of {container.TotalMs} ms");
            _cluster.AssertRunsOn(container.Name, container.To!);
            _cluster.AssertCounts(container.Name);
            _cluster.AssertNothingOf(container.Name, Left);
        }
        Assert.DoesNotContain(_cluster.Cg<ApiContainer[]>("ps"), c => c.Host == Left);

        // It is the emptiest of all, and nobody is sent to it.
        Assert.Equal([Left], _cluster.Cg<ApiHost[]>("hosts").Where(h => h.Cordoned).Select(h => h.Name));
        Assert.NotEqual(Left, RunAnywhere("new"));
        AssertRefused(_cluster.Cg("run", "-d", "--name", "refused", "--host", Left, "--rootfs", "/", "--", "sleep", "1000"));
        AssertRefused(_cluster.Cg("migrate", names[0], "--to", Left));
        Assert.DoesNotContain(_cluster.Cg<ApiContainer[]>("ps", "-a"), c => c.Name == "refused");
        _cluster.Cg("uncordon", Left).Check();
        Assert.Equal(Left, RunAnywhere("newer"));
    }

    [Fact]
    public void What_cannot_move_stays_is_named_and_runs_on()
    {
        _names.Add("stubborn");
        _cluster.Run("stubborn", Left, [], ["python3", "-c", Stubborn]);
        _cluster.AssertCounts("stubborn");
        string other = Count("willing", 1);
        Ended ended = _cluster.Cg("drain", Left);
        Assert.Equal(1, ended.ExitCode);
        string line = Assert.Single(ended.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"cg: stubborn stays on {Left}: ", line, StringComparison.Ordinal);
        Assert.EndsWith("[NotCarried]", line, StringComparison.Ordinal);
        Assert.Contains("semaphore", line, StringComparison.Ordinal);
        Assert.Contains($"{Left} is not drained: 1 moved, 1 left.", ended.Out, StringComparison.Ordinal);
        _cluster.AssertRunsOn("stubborn", Left);
        _cluster.AssertCounts("stubborn");
        Assert.NotEqual(Left, _cluster.Inspect(other).Host);
        _cluster.AssertCounts(other);
        _cluster.Cg("stop", "-t", "0", "stubborn").Check();
        Assert.Contains($"{Left} is drained: 1 not running.", _cluster.Cg("drain", Left).Check().Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_deadline_and_a_cancel_leave_the_rest_running_where_it_is()
    {
        string large = Count("large", 128), small = Count("small", 1);
        Slow();
        Ended ended = _cluster.Cg("drain", Left, "--parallel", "1", "--deadline", "1500ms");
        Assert.Equal(1, ended.ExitCode);
        Assert.StartsWith($"cg: {large} stays on {Left}: The deadline passed", Assert.Single(ended.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.NotEqual(Left, _cluster.Inspect(small).Host);
        _cluster.AssertRunsOn(large, Left);
        _cluster.AssertCounts(large);

        _cluster.Cg("uncordon", Left).Check();
        string waiting = Count("waiting", 1);
        using (Command drain = _cluster.StartCg("drain", Left, "--parallel", "1"))
        {
            Wait.Until(() => _cluster.IsOn(large, "host-b") || _cluster.IsOn(large, "host-c"), "the move is under way", 0);
            _cluster.Cg("drain", Left, "--cancel").Check();
            Ended cancelled = drain.Wait();
            Assert.Equal(1, cancelled.ExitCode);
            Assert.Contains($"cg: {waiting} stays on {Left}: The drain was cancelled", cancelled.Error, StringComparison.Ordinal);
        }
        Assert.NotEqual(Left, _cluster.Inspect(large).Host);
        foreach (string name in (string[])[large, small, waiting]) _cluster.AssertCounts(name);
        _cluster.AssertRunsOn(waiting, Left);
    }

    [Fact]
    public void The_drain_outlives_its_caller_and_the_silo_that_it_is_led_from()
    {
        string[] names = [Count("led0", 128), Count("led1", 1), Count("led2", 1)];
        Slow();
        // Led from where it was ordered, and the first of its moves goes there, too.
        _cluster.CgAt("host-b", "drain", Left, "--parallel", "1", "--no-wait").Check();
        Wait.Until(() => _cluster.IsOn(names[0], "host-b"), "the move is under way", 0);
        _killed = true;
        _cluster.KillSilo("host-b");
        Ended ended = _cluster.Cg("drain", Left);
        Assert.True(ended.ExitCode == 0, $"{ended.Error}{ended.Out}");
        foreach (string name in names)
        {
            _cluster.AssertRunsOn(name, "host-c");
            _cluster.AssertCounts(name);
        }
    }

    /// <summary>Starts a container on the host that will be left: it counts, and changes a little memory.</summary>
    private string Count(string name, int mebibytes)
    {
        _names.Add(name);
        _cluster.RunWorkload(name, Left, "heavy.py", $"{mebibytes}", "8");
        _cluster.AssertCounts(name);
        return name;
    }

    private string RunAnywhere(string name)
    {
        _names.Add(name);
        _cluster.Cg("run", "-d", "--name", name, "--rootfs", "/", "--", "sleep", "1000").Check();
        return _cluster.Inspect(name).Host!;
    }

    // 128 MiB take nearly three seconds over such a link.
    private void Slow()
    {
        _cluster.Throttle(Left, 400);
        _slow = true;
    }

    private static void AssertRefused(Ended ended)
    {
        Assert.Equal(125, ended.ExitCode);
        Assert.Contains($"cg uncordon {Left}", ended.Error, StringComparison.Ordinal);
        Assert.EndsWith("[HostCordoned]", ended.Error.TrimEnd(), StringComparison.Ordinal);
    }
}
