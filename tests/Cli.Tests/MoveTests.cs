using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

public sealed class MoveTests
{
    private const int SIGINT = 2;

    [Fact]
    public async Task Migrate_reports_what_it_took()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        CgRun run = await machine.CgAsync("migrate", "web", "--to", "host-b", "--max-rounds", "3", "--freeze-budget", "7ms", "--freeze-timeout", "500ms", "--json");
        Assert.Equal((0, ""), (run.Exit, run.Error));
        JsonElement report = run.Json;
        Assert.Equal(("web", "host-a", "host-b", 2L), (report.GetProperty("name").GetString(), report.GetProperty("from").GetString(),
            report.GetProperty("to").GetString(), report.GetProperty("generation").GetInt64()));
        Assert.Equal((12.5, 310.0, 70_000_000L, 42L), (report.GetProperty("freezeMs").GetDouble(), report.GetProperty("totalMs").GetDouble(),
            report.GetProperty("bytes").GetInt64(), report.GetProperty("finalPages").GetInt64()));
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", report.GetProperty("traceId").GetString());
        JsonElement round = report.GetProperty("rounds")[1];
        Assert.Equal(["round", "dirtyPages", "bytes", "ms"], round.EnumerateObject().Select(p => p.Name));
        Assert.Equal((3, 7.0, 500.0), (web.MoveOptions!.MaxRounds, web.MoveOptions.FreezeBudget.TotalMilliseconds, web.MoveOptions.FreezeTimeout.TotalMilliseconds));
        Assert.Equal("host-b", web.Status.Host);
    }

    [Fact]
    public async Task Without_to_the_cluster_chooses_and_people_get_a_table()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        CgRun run = await machine.CgAsync("migrate", "web");
        Assert.Equal(0, run.Exit);
        Assert.StartsWith("web moved from host-a to host-b in 310.0 ms, frozen 12.5 ms, 66.8 MiB, generation 2\n", run.Out);
    }

    [Fact]
    public async Task What_was_not_restored_in_full_is_said_beside_the_output()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.Warnings.AddRange(["process 1: a limit was clamped", "thread 7: may run on all CPUs"]);
        const string Said = "cg: warning: process 1: a limit was clamped\ncg: warning: thread 7: may run on all CPUs\n";

        CgRun text = await machine.CgAsync("migrate", "web");
        Assert.Equal((0, Said), (text.Exit, text.Error));
        CgRun json = await machine.CgAsync("migrate", "web", "--json");
        Assert.Equal((0, Said), (json.Exit, json.Error));
        Assert.Equal(web.Warnings, json.Json.GetProperty("warnings").EnumerateArray().Select(w => w.GetString()));

        Assert.Equal(0, (await machine.CgAsync("suspend", "web", "-o", "web.cg")).Exit);
        CgRun resume = await machine.CgAsync("resume", "web.cg");
        Assert.Equal((0, "web\n", Said), (resume.Exit, resume.Out, resume.Error));
        Assert.Equal(0, (await machine.CgAsync("suspend", "web", "-o", "web.cg")).Exit);
        CgRun restore = await machine.CgAsync("restore", "web");
        Assert.Equal((0, "web\n", Said), (restore.Exit, restore.Out, restore.Error));
        Assert.Equal(2, (await machine.CgAsync("inspect", "web", "--json")).Json.GetProperty("warnings").GetArrayLength());
    }

    [Fact]
    public async Task A_dry_run_says_what_would_stop_the_move()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        CgRun free = await machine.CgAsync("migrate", "web", "--dry-run");
        Assert.Equal((0, "web could move from host-a to host-b.\n"), (free.Exit, free.Out));
        web.Obstacles.Add(new Obstacle(7, "child", "fd 5 (io_uring)", "not carried yet", "close it"));
        CgRun stuck = await machine.CgAsync("migrate", "web", "--dry-run");
        Assert.Equal(1, stuck.Exit);
        Assert.Contains("  process 7 (child), fd 5 (io_uring): not carried yet; close it\n", stuck.Out);
        web.Obstacles.Add(new Obstacle(0, "", "host host-b", "the rootfs is missing there", "copy it"));
        Assert.Contains("\n  host host-b: the rootfs is missing there; copy it\n", (await machine.CgAsync("migrate", "web", "--dry-run")).Out);
        CgRun json = await machine.CgAsync("migrate", "web", "--dry-run", "--json");
        Assert.Equal("fd 5 (io_uring)", json.Json.GetProperty("obstacles")[0].GetProperty("object").GetString());
        CgRun real = await machine.CgAsync("migrate", "web", "--json");
        Assert.Equal((125, "NotCarried"), (real.Exit, real.ErrorJson.GetProperty("code").GetString()));
        Assert.Equal("host-a", web.Status.Host);
    }

    [Fact]
    public async Task Progress_is_told_to_who_watches()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.HoldMove = true;
        CgRun run = machine.Begin(new TestTerminal(Watched: true), "migrate", "web", "--to", "host-c");
        await run.UntilWrittenAsync("web: host-a → host-c  rounds  round 2: 200 dirty pages  66.8 MiB sent  freeze about 12.5 ms  1500.0 ms to go");
        web.EndMove();
        await run.EndAsync();
        Assert.Equal(0, run.Exit);
        Assert.Contains("web moved from host-a to host-c", run.Out);
    }

    [Fact]
    public async Task A_move_that_fails_after_it_began_is_an_error()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.HoldMove = true;
        CgRun run = machine.Begin(new TestTerminal(Watched: true), "migrate", "web");
        await run.UntilWrittenAsync("rounds");
        web.EndMove("The link to host-b broke; 'web' runs on on host-a.", ContainerErrorCode.MoveFailed);
        await run.EndAsync();
        Assert.Equal(125, run.Exit);
        Assert.EndsWith("cg: The link to host-b broke; 'web' runs on on host-a. [MoveFailed]\n", run.Error);
        Assert.Equal("host-a", web.Status.Host);
    }

    [Fact]
    public async Task Ctrl_C_before_the_commit_cancels()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.HoldMove = true;
        CgRun run = machine.Begin("migrate", "web", "--to", "host-b", "--json");
        await web.UntilAsync(() => web.MoveOptions is not null && run.Listens(SIGINT));
        run.Signal(SIGINT);
        await run.EndAsync();
        Assert.Equal((125, "Cancelled"), (run.Exit, run.ErrorJson.GetProperty("code").GetString()));
        Assert.Equal(("host-a", ContainerPhase.Running), (web.Status.Host, web.Status.Phase));
    }

    [Fact]
    public async Task A_cancellation_whose_caller_has_gone_does_not_wait_for_the_next_move()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Connect(new UnixDomainSocketEndPoint(machine.Socket("host-a")));
            socket.Send("POST /v1/containers/web/migrate/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"u8);
            for (int i = 0; i < 10_000 && machine.Cluster.ProgressAsked == 0; i++) await Task.Delay(2, TestContext.Current.CancellationToken);
            Assert.NotEqual(0, machine.Cluster.ProgressAsked);
        }
        web.HoldMove = true;
        CgRun run = machine.Begin("migrate", "web", "--to", "host-b", "--json");
        await web.UntilAsync(() => web.MoveOptions is not null);
        // Longer than it takes to look three times.
        await Task.Delay(100, TestContext.Current.CancellationToken);
        web.EndMove();
        Assert.Equal(0, (await run.EndAsync()).Exit);
    }

    [Fact]
    public async Task Ctrl_C_after_the_commit_waits_for_the_end()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        (web.HoldMove, web.MoveCommitted) = (true, true);
        CgRun run = machine.Begin(new TestTerminal(Watched: true), "migrate", "web", "--to", "host-b");
        await run.UntilWrittenAsync("rounds");
        run.Signal(SIGINT);
        Assert.Contains("too late", run.Error);
        web.EndMove();
        await run.EndAsync();
        Assert.Equal(0, run.Exit);
        Assert.Contains("moved from host-a to host-b", run.Out);
    }

    [Fact]
    public async Task A_second_move_at_the_same_time_is_refused()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.HoldMove = true;
        CgRun first = machine.Begin(new TestTerminal(Watched: true), "migrate", "web", "--to", "host-b");
        await first.UntilWrittenAsync("rounds");
        CgRun second = await machine.CgAsync("migrate", "web", "--to", "host-c");
        Assert.Equal(125, second.Exit);
        Assert.EndsWith("[AlreadyMoving]\n", second.Error);
        web.EndMove();
        Assert.Equal(0, (await first.EndAsync()).Exit);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?progress=true")]
    public async Task A_caller_that_goes_away_does_not_stop_the_move(string query)
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.HoldMove = true;
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Connect(new UnixDomainSocketEndPoint(machine.Socket("host-a")));
            socket.Send(Encoding.ASCII.GetBytes(
                $"POST /v1/containers/web/migrate{query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"to\":\"host-b\"}}"));
            await web.UntilAsync(() => web.MoveOptions is not null).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        }
        web.EndMove();
        Assert.Equal("host-b", (await machine.CgAsync("inspect", "web", "--json")).Json.GetProperty("host").GetString());
    }

    [Fact]
    public async Task A_move_whose_end_nobody_knows_is_not_waited_for_forever()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web").ForgetMove = true;
        CgRun run = await machine.CgAsync("migrate", "web", "--to", "host-b");
        Assert.Equal(125, run.Exit);
        Assert.Equal("cg: Nobody knows how the move of 'web' from host-a to host-b ended: it is running on host-b, generation 2; "
            + "'cg inspect web' shows it, and the move may be ordered again. [MoveFailed]\n", run.Error);
    }

    [Fact]
    public async Task Checkpoint_prints_the_path_and_restore_starts_again()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        CgRun checkpoint = await machine.CgAsync("checkpoint", "web");
        Assert.Equal((0, machine.File("web.image") + "\n"), (checkpoint.Exit, checkpoint.Out));
        JsonElement report = (await machine.CgAsync("checkpoint", "web", "--json")).Json;
        Assert.Equal((84.5, 3), (report.GetProperty("frozenMs").GetDouble(), report.GetProperty("rounds").GetInt32()));
        web.ExitWith(0);
        CgRun restore = await machine.CgAsync("restore", "web", "--host", "host-c");
        Assert.Equal((0, "web\n"), (restore.Exit, restore.Out));
        Assert.Equal(("host-c", ContainerPhase.Running), (web.Status.Host, web.Status.Phase));
    }
}
