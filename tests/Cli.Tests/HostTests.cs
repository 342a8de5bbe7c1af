using System.Text.Json;

namespace ContainerGrains.Cli.Tests;

/// <summary>Hosts that take no containers.</summary>
public sealed class HostTests
{
    [Fact]
    public async Task A_host_is_cordoned_and_uncordoned_and_told_whether_that_was_new()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal((0, "host-b cordoned\n", ""), await RunAsync(machine, "cordon", "host-b"));
        Assert.Equal((0, "host-b already cordoned\n", ""), await RunAsync(machine, "cordon", "host-b"));
        Assert.Equal((0, "host-b uncordoned\n", ""), await RunAsync(machine, "uncordon", "host-b"));
        Assert.Equal((0, "host-b already uncordoned\n", ""), await RunAsync(machine, "uncordon", "host-b"));
        Assert.Equal("""{"host":"host-b","cordoned":true,"changed":true}""", (await machine.CgAsync("cordon", "host-b", "--json")).Out.TrimEnd());
    }

    [Fact]
    public async Task Hosts_shows_who_is_cordoned()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        await machine.CgAsync("cordon", "host-b");
        string[] lines = (await machine.CgAsync("hosts")).Out.Split('\n');
        Assert.StartsWith("host-a   Active   ", lines[1]);
        Assert.StartsWith("host-b   Active,cordoned   ", lines[2]);
        JsonElement hosts = (await machine.CgAsync("hosts", "--json")).Json;
        Assert.Equal([false, true, false], hosts.EnumerateArray().Select(h => h.GetProperty("cordoned").GetBoolean()));
    }

    [Fact]
    public async Task A_cordoned_host_is_refused_by_name_with_what_to_do()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        await machine.CgAsync("cordon", "host-b");
        foreach (string[] args in (string[][])[["run", "--name", "x", "--host", "host-b", "sleep", "1"], ["migrate", "web", "--to", "host-b"]])
        {
            CgRun run = await machine.CgAsync(args);
            Assert.Equal(125, run.Exit);
            Assert.EndsWith("[HostCordoned]\n", run.Error);
            Assert.Contains("cg uncordon host-b", run.Error);
        }
    }

    private static async Task<(int, string, string)> RunAsync(TestMachine machine, params string[] args)
    {
        CgRun run = await machine.CgAsync(args);
        return (run.Exit, run.Out, run.Error);
    }
}
