using System.Text.Json;
using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

/// <summary>Hosts that take no containers, and hosts that are emptied.</summary>
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

    [Fact]
    public async Task A_drain_ends_with_0_and_a_table_when_nothing_is_left_running()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        machine.Cluster.Running("db");
        machine.Cluster.Running("elsewhere", "host-c");
        machine.Cluster.Running("ended").ExitWith(0);
        CgRun run = await machine.CgAsync("drain", "host-a", "--deadline", "2m", "--parallel", "4");
        Assert.Equal((0, ""), (run.Exit, run.Error));
        string[] lines = run.Out.Split('\n');
        Assert.Equal(["NAME", "db", "ended", "web"], lines[..4].Select(l => l.Split(' ')[0]));
        Assert.Matches("^db +moved +host-b +12.5 ms +310.0 ms$", lines[1]);
        Assert.Matches("^ended +not running +- +- +-$", lines[2]);
        Assert.Equal("host-a is drained: 2 moved, 1 not running.", lines[5]);
        Assert.Equal((4, TimeSpan.FromMinutes(2)), (machine.Cluster.Drain("host-a").Options!.Parallel, machine.Cluster.Drain("host-a").Options!.Deadline));
        Assert.Equal(["host-b", "host-b", "host-c"], ((string[])["web", "db", "elsewhere"]).Select(n => machine.Cluster.Container(n).Status.Host));
        Assert.Equal((0, "host-a already cordoned\n", ""), await RunAsync(machine, "cordon", "host-a"));
    }

    [Fact]
    public async Task What_is_left_is_named_line_by_line_and_the_exit_code_is_1()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        FakeContainer db = machine.Cluster.Running("db");
        db.Obstacles.Add(new Obstacle(7, "db", "descriptor 3", "it is an io_uring", "use epoll"));
        const string Said = "cg: db stays on host-a: 'db' cannot move: process 7 (db), descriptor 3: it is an io_uring; use epoll [NotCarried]\n";
        CgRun text = await machine.CgAsync("drain", "host-a", "--wait");
        Assert.Equal((1, Said), (text.Exit, text.Error));
        Assert.EndsWith("host-a is not drained: 1 moved, 1 left.\n", text.Out);

        CgRun json = await machine.CgAsync("drain", "host-a", "--json");
        Assert.Equal((1, Said), (json.Exit, json.Error));
        JsonElement report = json.Json;
        Assert.Equal(("host-a", "incomplete", false), (report.GetProperty("host").GetString(), report.GetProperty("state").GetString(), report.GetProperty("cancelled").GetBoolean()));
        JsonElement left = Assert.Single(report.GetProperty("containers").EnumerateArray());
        Assert.Equal(("db", "stays", "NotCarried", 1), (left.GetProperty("name").GetString(), left.GetProperty("state").GetString(),
            left.GetProperty("errorCode").GetString(), left.GetProperty("attempts").GetInt32()));
        Assert.Equal("host-a", db.Status.Host);
    }

    [Fact]
    public async Task Without_waiting_it_is_set_going_and_cancelled_by_another_call()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        machine.Cluster.Drain("host-a").Hold = true;
        Assert.Equal((0, "host-a is not being drained\n", ""), await RunAsync(machine, "drain", "host-a", "--cancel"));
        Assert.Equal((0, "host-a cordoned, draining\n", ""), await RunAsync(machine, "drain", "host-a", "--no-wait"));
        Assert.Equal("draining", (await machine.CgAsync("drain", "host-a", "--no-wait", "--json")).Json.GetProperty("state").GetString());
        Assert.Equal((0, "host-a: no more moves are begun, 1 under way\n", ""), await RunAsync(machine, "drain", "host-a", "--cancel"));
        Assert.True(machine.Cluster.Drain("host-a").Report.Cancelled);
    }

    [Fact]
    public async Task People_see_what_moves_and_Ctrl_C_ends_the_waiting_and_not_the_drain()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        machine.Cluster.Drain("host-a").Hold = true;
        lock (machine.Cluster.Progress)
        {
            machine.Cluster.Progress.Add(new MigrationProgress
            {
                MigrationId = "m1", Name = "web", From = "host-a", To = "host-b", Stage = "rounds", BytesSent = 70_000_000, PredictedFreezeMs = 12.5, EtaMs = 310,
            });
        }
        CgRun run = machine.Begin(new TestTerminal(Watched: true), "drain", "host-a");
        await run.UntilWrittenAsync("host-a: 1 moving\n");
        Assert.Matches("web +host-b +rounds +66.8 MiB +about 12.5 ms +310.0 ms\n", run.Error);
        run.Signal(2);
        await run.EndAsync();
        Assert.Equal((130, ""), (run.Exit, run.Out));
        // The lines that moved are taken back before the last word.
        Assert.EndsWith("\x1b[3A\r\x1b[Jcg: the drain of host-a goes on; 'cg drain host-a --cancel' stops it, 'cg drain host-a' waits for it again.\n", run.Error);
        Assert.Equal(DrainState.Draining, machine.Cluster.Drain("host-a").Report.State);
    }

    [Fact]
    public async Task The_waiting_goes_on_with_another_silo_when_the_one_that_was_asked_has_gone()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-a", "host-b");
        machine.Cluster.Running("web");
        machine.Cluster.Drain("host-a").Hold = true;
        CgRun run = machine.Begin(new TestTerminal(Watched: true), "drain", "host-a");
        await run.UntilWrittenAsync("1 moving");
        await machine.StopSiloAsync("host-a");
        machine.Cluster.Drain("host-a").Hold = false;
        await run.EndAsync();
        Assert.Equal(0, run.Exit);
        Assert.EndsWith("host-a is drained: 1 moved.\n", run.Out);
    }

    private static async Task<(int, string, string)> RunAsync(TestMachine machine, params string[] args)
    {
        CgRun run = await machine.CgAsync(args);
        return (run.Exit, run.Out, run.Error);
    }
}
