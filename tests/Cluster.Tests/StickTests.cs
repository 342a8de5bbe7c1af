using System.Globalization;
using System.Net;
using ContainerGrains.DemoClient;

namespace ContainerGrains.Cluster.Tests;

/// <summary>Containers in files: checkpoints, and the stick that carries one to another host.</summary>
[Collection(nameof(MainCluster))]
public sealed class StickTests(MainCluster main) : IDisposable
{
    private const string Name = "carried";
    private static readonly string[] Redis = ["redis-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--dir", "/tmp"];
    private static readonly string[] Shell = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"];
    private readonly LocalCluster _cluster = main.Cluster;
    private readonly TemporaryDirectory _stick = new();

    public void Dispose()
    {
        _cluster.Remove(Name);
        _stick.Dispose();
    }

    [Fact]
    public void A_shell_goes_on_counting_on_every_host_that_it_is_carried_to_in_a_file()
    {
        _cluster.Run(Name, "host-a", [], Shell);
        _cluster.AssertCounts(Name);
        foreach (string host in (string[])["host-c", "host-b", "host-a"])
        {
            string before = _cluster.Inspect(Name).Host!;
            Carry(host, before);
            _cluster.AssertCounts(Name);
            _cluster.AssertNothingOf(Name, before);
        }
    }

    [Fact]
    public void A_redis_keeps_its_client_while_it_is_carried_to_another_host_in_a_file()
    {
        ApiContainer redis = _cluster.Run(Name, "host-a", [], Redis);
        var counter = new Counter(new IPEndPoint(IPAddress.Parse(redis.Address!), 6379), 4);
        _cluster.Client.Run(counter.Start);
        AwaitReplies(counter);
        Carry("host-c", "host-a");
        AwaitReplies(counter);
        CounterResult result = counter.Stop();
        Assert.Equal((0, 0, 0), (result.Lost, result.Reconnects, result.Wrong));
        _cluster.AssertNothingOf(Name, "host-a");
    }

    [Fact]
    public void A_redis_that_was_killed_is_again_what_it_was_at_its_checkpoint()
    {
        _cluster.Run(Name, "host-b", [], Redis);
        Wait.Until(() => Ask("set", "k", "before") == "OK", "redis answers");
        Assert.Equal("host-b", _cluster.Cg<ApiCheckpoint>("checkpoint", Name).Host);
        // It runs on.
        Assert.Equal("OK", Ask("set", "k", "after"));
        int pid = _cluster.Inspect(Name).InitPid;
        _cluster.Cg("kill", Name).Check();
        Wait.Until(() => _cluster.Inspect(Name).State == "exited", "it has ended");
        _cluster.Cg("restore", Name).Check();
        _cluster.AssertRunsOn(Name, "host-b");
        Assert.NotEqual(pid, _cluster.Inspect(Name).InitPid);
        Assert.Equal("before", Ask("get", "k"));
        Assert.Equal("host-c", _cluster.Migrate(Name, "host-c").To);
        Assert.Equal("before", Ask("get", "k"));
    }

    [Fact]
    public void A_shell_that_was_checkpointed_counts_on_from_there_when_it_is_restored()
    {
        _cluster.Run(Name, "host-b", [], ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.01; done"]);
        Wait.Until(() => Count() > 5, "it counts");
        _cluster.Cg("checkpoint", Name).Check();
        int upper = Count();
        Wait.Until(() => Count() > upper + 100, "it runs on");
        _cluster.Cg("kill", Name).Check();
        Wait.Until(() => _cluster.Inspect(Name).State == "exited", "it has ended");
        _cluster.Cg("restore", Name).Check();
        int restored = 0;
        Wait.Until(() => (restored = Count()) > 0, "it counts again");
        Assert.InRange(restored, 5, upper + 90);
        Wait.Until(() => Count() > restored, "it counts on");
    }

    private void Carry(string to, string from)
    {
        string file = $"{_stick.Path}/{to}";
        Assert.Equal((from, file), _cluster.Cg<ApiCheckpoint>("suspend", Name, "-o", file) is var report ? (report.Host, report.Path) : default);
        Assert.Equal("suspended", _cluster.Inspect(Name).State);
        Assert.False(_cluster.IsOn(Name, from));
        _cluster.Cg("resume", file, "--host", to).Check();
        _cluster.AssertRunsOn(Name, to);
    }

    private string Ask(params string[] command) => _cluster.Cg(["exec", Name, "--", "redis-cli", .. command]).Out.Trim();

    // 0 in the moment between the truncation of the file and the write.
    private int Count() => int.TryParse(_cluster.Cg("exec", Name, "--", "cat", "/count").Out, CultureInfo.InvariantCulture, out int count) ? count : 0;

    private static void AwaitReplies(Counter counter)
    {
        long wanted = counter.Replies + 100;
        Wait.Until(() => counter.Replies >= wanted, "redis answers 100 more times", 1);
    }
}
