namespace ContainerGrains.Cluster.Tests;

/// <summary>A cluster on a server's store: no silo is special, any of them may die.</summary>
public sealed class StoreTests
{
    [Fact]
    public void On_Redis_any_one_silo_may_be_killed_and_the_others_serve_move_and_create()
    {
        string name = Leftovers.NewName();
        string directory = Directory.CreateDirectory($"{LocalCluster.RunDirectoryOf(name)}/store").FullName;
        // The server ends with this process, however that ends: its shell then reads the end of its input.
        using Command server = Command.Start("sh", ["-c", "redis-server --port 0 --unixsocket redis.sock --appendonly yes --save '' >log & cat; kill -9 $!; wait"], directory: directory);
        try
        {
            Wait.Until(() => File.Exists($"{directory}/redis.sock"), "redis-server listens");
            using (var cluster = new LocalCluster(3, new Dictionary<string, string> { ["CG_Cluster__Store"] = "Redis", ["CG_Cluster__ConnectionString"] = $"!{directory}/redis.sock" }, name))
            {
                Live(cluster);
                Assert.NotEqual(0, Directory.GetFiles($"{directory}/appendonlydir").Sum(f => new FileInfo(f).Length));
            }
        }
        finally
        {
            server.Wait();
        }
    }

    [Fact]
    public void On_PostgreSQL_any_one_silo_may_be_killed_and_the_others_serve_move_and_create()
    {
        string? connection = Environment.GetEnvironmentVariable("CG_TEST_POSTGRES");
        Assert.SkipUnless(connection is not null, "CG_TEST_POSTGRES does not name a PostgreSQL database (Host=…;Username=…;Database=…)");
        string id = Guid.NewGuid().ToString("N");
        using var cluster = new LocalCluster(3, new Dictionary<string, string>
        {
            ["CG_Cluster__Store"] = "Postgres", ["CG_Cluster__ConnectionString"] = connection, ["CG_Cluster__ClusterId"] = id, ["CG_Cluster__ServiceId"] = id,
        });
        Live(cluster);
    }

    private static void Live(LocalCluster cluster)
    {
        Assert.False(File.Exists($"{cluster.StateDirectory}/cluster.db"), "the cluster is on SQLite");
        foreach (string killed in cluster.Hosts)
        {
            string[] others = [.. cluster.Hosts.Where(h => h != killed)];
            Count(cluster, "old", others[0]);
            Dev.Run(cluster.Name, "kill-host", killed).Check();
            // Until the others have declared it dead, what needs it is refused ("try again"), and its grains are placed anew only then.
            cluster.AwaitDeath(killed, others);
            Count(cluster, "new", others[1]);
            foreach ((string container, string to) in (ReadOnlySpan<(string, string)>)[("old", others[1]), ("new", others[0])])
            {
                Assert.Equal(to, cluster.Migrate(container, to).To);
                cluster.AssertRunsOn(container, to);
                Assert.Equal("1\n", cluster.Cg("exec", container, "--", "echo", "1").Check().Out);
            }
            foreach (string container in (string[])["old", "new"])
            {
                cluster.AssertCounts(container);
                cluster.Remove(container);
            }
            cluster.Revive(killed);
        }
    }

    private static void Count(LocalCluster cluster, string name, string host) =>
        cluster.Run(name, host, [], ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"]);
}
