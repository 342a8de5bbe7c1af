using System.Text.Json;
using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

public sealed class VerbTests
{
    [Fact]
    public async Task Ps_lists_what_runs_and_with_a_everything()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web", "host-b", "redis-server", "--port", "6379");
        machine.Cluster.Running("old").ExitWith(3);

        CgRun running = await machine.CgAsync("ps");
        Assert.Contains("web", running.Out);
        Assert.DoesNotContain("old", running.Out);
        CgRun all = await machine.CgAsync("ps", "-a", "--json");
        JsonElement[] list = [.. all.Json.EnumerateArray()];
        Assert.Equal(["old", "web"], list.Select(c => c.GetProperty("name").GetString()));
        Assert.Equal(("exited", 3), (list[0].GetProperty("state").GetString(), list[0].GetProperty("exitCode").GetInt32()));
        Assert.Equal(("running", "host-b"), (list[1].GetProperty("state").GetString(), list[1].GetProperty("host").GetString()));
        Assert.Equal("old\nweb\n", (await machine.CgAsync("ps", "-aq")).Out);
        Assert.Contains("exited (3)", (await machine.CgAsync("ps", "-a")).Out);
    }

    [Fact]
    public async Task A_command_of_several_lines_is_one_line_of_a_table()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web", "host-b", "sh", "-c", "\nwhile true\n\tdo true; done");
        foreach (string[] args in (string[][])[["ps"], ["ps", "--no-trunc"]])
            Assert.Equal(2, (await machine.CgAsync(args)).Out.TrimEnd('\n').Split('\n').Length);
        Assert.Contains("sh -c ' while true  do true; done'\n", (await machine.CgAsync("ps", "--no-trunc")).Out);
    }

    [Fact]
    public async Task Inspect_shows_the_container_and_the_pids_of_every_level()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web", "host-b");
        JsonElement web = (await machine.CgAsync("inspect", "web", "--json")).Json;
        Assert.Equal(["name", "host", "state", "address", "pidspace", "generation", "createdAt", "startedAt", "exitCode", "exitSignal", "initPid", "migrationId",
            "lastCheckpoint", "warnings", "processes", "spec"], web.EnumerateObject().Select(p => p.Name));
        JsonElement process = web.GetProperty("processes")[1];
        Assert.Equal([4720, 7], process.GetProperty("pids").EnumerateArray().Select(p => p.GetInt32()));
        Assert.Equal((4720, 7, (3u << 23) | 7),
            (process.GetProperty("realPid").GetInt32(), process.GetProperty("virtualPid").GetInt32(), process.GetProperty("packedPid").GetUInt32()));
        CgRun text = await machine.CgAsync("inspect", "web");
        Assert.Contains("pidspace       3\n", text.Out);
        Assert.Contains("25165831", text.Out);
    }

    [Fact]
    public async Task Top_shows_virtual_real_and_packed_pids()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        string[] lines = (await machine.CgAsync("top", "web")).Out.Split('\n');
        Assert.Matches(@"^VPID +PPID +PID +PIDSPACE +PACKED ", lines[0]);
        Assert.Matches(@"^ *1 +0 +4711 +3 +25165825 +1000 +S +5 +66\.0 MiB +1\.25 s +sleep 60$", lines[1]);
        Assert.Matches(@"^ *7 +1 +4720 +3 +25165831 .* \[child\]$", lines[2]);
    }

    [Fact]
    public async Task Exec_gives_back_output_and_exit_code()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        CgRun run = await machine.CgAsync("exec", "-w", "/tmp", "-u", "1000", "-e", "A=1", "web", "echo", "-n", "some longer text");
        Assert.Equal((0, "-n some longer text\n"), (run.Exit, run.Out));
        Assert.Equal(("/tmp", "1000"), (web.Execs[0].WorkingDirectory, web.Execs[0].User));
        Assert.Equal(["A=1"], web.Execs[0].Env);
        Assert.Equal((4, "leaving\n"), ((await machine.CgAsync("exec", "web", "--", "sh", "-c", "exit 4")) is var r ? (r.Exit, r.Error) : default));
        Assert.Equal("x2\n", (await machine.CgAsync("exec", "-d", "web", "sleep", "5")).Out);
    }

    [Fact]
    public async Task Exec_with_i_passes_its_input_on()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        CgRun run = await machine.Begin(new TestTerminal(TestTerminal.Bytes("SET a 1\n")), "exec", "-i", "web", "cat").EndAsync();
        Assert.Equal((0, "SET a 1\n"), (run.Exit, run.Out));
        CgRun tooMuch = await machine.Begin(new TestTerminal(new byte[(1 << 20) + 1]), "exec", "-i", "web", "cat").EndAsync();
        Assert.Equal(125, tooMuch.Exit);
        Assert.Contains("1 MiB at most", tooMuch.Error);
    }

    [Fact]
    public async Task Logs_follow_to_the_end_and_tail_begins_late()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        web.Write("one\ntwo\nthree\n");
        web.WriteError("bad\n");
        CgRun now = await machine.CgAsync("logs", "web");
        Assert.Equal((0, "one\ntwo\nthree\n", "bad\n"), (now.Exit, now.Out, now.Error));
        Assert.Equal("two\nthree\n", (await machine.CgAsync("logs", "--tail", "2", "web")).Out);
        Assert.Equal("", (await machine.CgAsync("logs", "--tail", "0", "web")).Out);

        CgRun follow = machine.Begin("logs", "-f", "--tail", "1", "web");
        await follow.UntilWrittenAsync("three");
        web.Write("four\n");
        await follow.UntilWrittenAsync("four");
        web.ExitWith(0);
        await follow.EndAsync();
        Assert.Equal((0, "three\nfour\n"), (follow.Exit, follow.Out));
    }

    [Fact]
    public async Task A_large_output_arrives_whole()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        string text = string.Concat(Enumerable.Range(0, 60_000).Select(i => $"line {i}\n"));
        machine.Cluster.Running("web").Write(text);
        Assert.Equal(text, (await machine.CgAsync("logs", "web")).Out);
    }

    [Fact]
    public async Task Wait_prints_exit_codes()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        CgRun wait = machine.Begin("wait", "web");
        web.ExitWith(0, 9);
        await wait.EndAsync();
        Assert.Equal((0, "137\n"), (wait.Exit, wait.Out));
        Assert.Equal("""[{"name":"web","exitCode":137}]""", (await machine.CgAsync("wait", "web", "--json")).Out.TrimEnd());
    }

    [Fact]
    public async Task Create_start_stop_kill_and_rm()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal("web\n", (await machine.CgAsync("create", "--name", "web", "sleep", "60")).Out);
        FakeContainer web = machine.Cluster.Container("web");
        Assert.Equal(ContainerPhase.Created, web.Status.Phase);
        Assert.Equal("web\n", (await machine.CgAsync("start", "web")).Out);
        Assert.Equal("web\n", (await machine.CgAsync("kill", "-s", "HUP", "web")).Out);
        Assert.Equal("web\n", (await machine.CgAsync("kill", "--signal", "SIGUSR1", "--pid", "7", "web")).Out);
        Assert.Equal([(1, 1), (10, 7)], web.Signals);
        Assert.Equal("web\n", (await machine.CgAsync("stop", "-t", "5", "web")).Out);
        Assert.Equal((TimeSpan.FromSeconds(5), 143), (web.StopGrace, web.Status.Exit!.ShellCode));
        Assert.Equal("web\n", (await machine.CgAsync("rm", "web")).Out);
        Assert.Equal(ContainerPhase.None, web.Status.Phase);
    }

    [Fact]
    public async Task Stats_once_when_nobody_watches()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        CgRun table = await machine.CgAsync("stats");
        Assert.Contains("66.0 MiB", table.Out);
        JsonElement json = (await machine.CgAsync("stats", "--no-stream", "--json", "web")).Json;
        Assert.Equal(536870912, json[0].GetProperty("memoryLimitBytes").GetInt64());
    }

    [Fact]
    public async Task Hosts_are_listed()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = await machine.CgAsync("hosts");
        Assert.Equal(4, run.Out.TrimEnd('\n').Split('\n').Length);
        Assert.Equal("host-a", (await machine.CgAsync("hosts", "--json")).Json[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task Translate_takes_contexts()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web", "host-b");
        Assert.Equal("4711\n", (await machine.CgAsync("translate", "1", "--from", "web", "--to", "host")).Out);
        Assert.Equal("1\n", (await machine.CgAsync("translate", "4711", "--from", "host:host-b", "--to", "web")).Out);
        Assert.Equal("19\n", (await machine.CgAsync("translate", "3", "--from", "web/inner", "--to", "web")).Out);
        Assert.Equal(4711, (await machine.CgAsync("translate", "1", "--from", "web", "--json")).Json.GetProperty("result").GetInt32());
    }

    [Fact]
    public async Task Check_fails_when_something_required_is_missing()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun good = await machine.CgAsync("check");
        Assert.Equal(0, good.Exit);
        Assert.Contains("host-a can hold and move containers", good.Out);
        CgRun bad = await machine.CgAsync("check", "--host", "host-c");
        Assert.Equal(1, bad.Exit);
        Assert.Contains("MISSING", bad.Out);
        Assert.Contains("boot a kernel of 6.7 or later", bad.Out);
        Assert.False((await machine.CgAsync("check", "--host", "host-c", "--json")).Json.GetProperty("ok").GetBoolean());
    }

    [Fact]
    public async Task Version_tells_both_sides()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        JsonElement version = (await machine.CgAsync("version", "--json")).Json;
        Assert.Equal("host-a", version.GetProperty("server").GetProperty("host").GetString());
        Assert.Equal("v1", version.GetProperty("server").GetProperty("api").GetString());
        Assert.StartsWith("cg ", (await machine.CgAsync("--version")).Out);
    }

    [Fact]
    public async Task Events_tell_what_is_there_and_what_changes()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        FakeContainer web = machine.Cluster.Running("web");
        CgRun events = machine.Begin("events");
        await events.UntilWrittenAsync("web present running on host-a");
        web.ExitWith(0);
        await events.UntilWrittenAsync("web exited");
        await machine.StopSiloAsync("host-a");
        Assert.Equal(125, (await events.EndAsync()).Exit);
    }

    [Fact]
    public async Task A_socket_may_be_named_and_hosts_of_the_machine_too()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-a", "host-b");
        Assert.Contains("host-b", (await machine.CgAsync("--socket", machine.Socket("host-b"), "version")).Out);
        machine.Environment["CG_HOST"] = "host-b";
        Assert.Contains("host-b", (await machine.CgAsync("version")).Out);
        machine.Environment["CG_SOCKET"] = machine.Socket("host-a");
        Assert.Contains("host-a", (await machine.CgAsync("version")).Out);
        Assert.Equal(125, (await machine.CgAsync("ps", "--socket", machine.Socket("host-x"))).Exit);
    }

    [Fact]
    public async Task The_first_socket_that_answers_is_used()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-b");
        // What a killed silo leaves behind.
        Directory.CreateDirectory(Path.Combine(machine.RunDirectory, "host-a"));
        using (var dead = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified))
            dead.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(machine.Socket("host-a")));
        Assert.Contains("on host-b", (await machine.CgAsync("version")).Out);
    }

    [Fact]
    public async Task The_socket_is_for_its_owner_and_group()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal("0660", Convert.ToString((int)File.GetUnixFileMode(machine.Socket("host-a")), 8).PadLeft(4, '0'));
        Assert.Equal("0750", Convert.ToString((int)File.GetUnixFileMode(Path.GetDirectoryName(machine.Socket("host-a"))!), 8).PadLeft(4, '0'));
    }
}
