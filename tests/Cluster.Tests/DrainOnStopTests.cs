namespace ContainerGrains.Cluster.Tests;

/// <summary>A silo that is told to stop in good order empties its host first.</summary>
public sealed class DrainOnStopTests
{
    private const int SIGTERM = 15;

    [Fact]
    public void What_ran_on_the_host_of_a_stopped_silo_runs_elsewhere_and_the_next_silo_takes_containers_again()
    {
        using var cluster = new LocalCluster(2, new Dictionary<string, string> { ["CG_Silo__DrainOnStop"] = "true" });
        string[] names = ["stays0", "stays1", "stays2"];
        foreach (string name in names)
        {
            cluster.RunWorkload(name, "host-a", "heavy.py", "4", "8");
            cluster.AssertCounts(name);
        }
        int silo = cluster.SiloPid("host-a");
        LocalCluster.Signal(silo, SIGTERM);
        Wait.Until(() => !Directory.Exists($"/proc/{silo}") || File.ReadAllText($"/proc/{silo}/stat").Contains(") Z ", StringComparison.Ordinal), "the silo has stopped");
        ApiContainer[] all = LocalCluster.Parse<ApiContainer[]>(cluster.CgAt("host-b", "ps", "--json").Check().Out);
        Assert.Equal(names, all.Select(c => c.Name).Order());
        Assert.All(all, c => Assert.Equal(("running", "host-b"), (c.State, c.Host)));
        foreach (string name in names) cluster.AssertCounts(name);

        cluster.Revive("host-a");
        Wait.Until(() => cluster.Cg<ApiHost[]>("hosts") is [{ Name: "host-a", State: "Active", Cordoned: false }, _], "host-a takes containers again");
        Assert.Equal("host-a", cluster.Migrate(names[0], "host-a").To);
        cluster.AssertCounts(names[0]);
    }
}
