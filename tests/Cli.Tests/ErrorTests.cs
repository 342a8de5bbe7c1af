using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

/// <summary>Bad input: each a sentence that says what, where and what to do, a code, and an exit code.</summary>
public sealed class ErrorTests
{
    [Theory]
    [InlineData(127, "ProgramNotFound", "run", "--name", "x", "nosuch")]
    [InlineData(126, "ProgramNotExecutable", "run", "--name", "x", "/etc/passwd")]
    [InlineData(125, "InvalidName", "run", "--name", "Bad_Name", "sleep")]
    [InlineData(125, "InvalidName", "inspect", "a/b")]
    [InlineData(125, "NameTaken", "run", "--name", "web", "sleep", "1")]
    [InlineData(125, "HostNotFound", "run", "--name", "x", "--host", "nowhere", "sleep", "1")]
    [InlineData(125, "HostNotFound", "migrate", "web", "--to", "nowhere")]
    [InlineData(125, "HostNotFound", "check", "--host", "nowhere")]
    [InlineData(125, "HostNotFound", "cordon", "nowhere")]
    [InlineData(125, "HostNotFound", "uncordon", "nowhere")]
    [InlineData(125, "HostNotFound", "drain", "nowhere")]
    [InlineData(125, "RootfsMissing", "run", "--name", "x", "--rootfs", "/no/such/dir", "sleep", "1")]
    [InlineData(125, "NotFound", "inspect", "nobody")]
    [InlineData(125, "NotFound", "logs", "nobody")]
    [InlineData(125, "NotFound", "migrate", "nobody")]
    [InlineData(125, "NotFound", "rm", "nobody")]
    [InlineData(125, "WrongPhase", "exec", "stopped", "true")]
    [InlineData(125, "WrongPhase", "rm", "web")]
    [InlineData(127, "ProgramNotFound", "exec", "web", "--", "nosuch")]
    [InlineData(126, "ProgramNotExecutable", "exec", "web", "./data")]
    [InlineData(125, "NoSuchProcess", "kill", "--pid", "99", "web")]
    [InlineData(125, "NoSuchProcess", "translate", "5", "--from", "web")]
    [InlineData(125, "InvalidSpec", "translate", "5", "--from", "web", "--to", "stopped")]
    [InlineData(125, "InvalidSpec", "translate", "5", "--from", "web", "--to", "host:host-c")]
    [InlineData(125, "InvalidSpec", "translate", "5", "--from", "host", "--to", "host")]
    public async Task An_error_has_a_code_a_sentence_and_an_exit_code(int exit, string code, params string[] args)
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        machine.Cluster.Running("stopped").ExitWith(0);

        CgRun plain = await machine.CgAsync(args);
        Assert.Equal(exit, plain.Exit);
        Assert.StartsWith("cg: ", plain.Error);
        Assert.EndsWith($"[{code}]\n", plain.Error);
        Assert.Single(plain.Error.TrimEnd('\n').Split('\n'));

        CgRun json = await machine.CgAsync([args[0], "--json", .. args[1..]]);
        Assert.Equal(exit, json.Exit);
        Assert.Equal(code, json.ErrorJson.GetProperty("code").GetString());
        Assert.NotEmpty(json.ErrorJson.GetProperty("message").GetString()!);
        Assert.Equal(ContainerPhase.Running, machine.Cluster.Container("web").Status.Phase);
    }

    [Theory]
    [InlineData(ContainerErrorCode.DiskFull)]
    [InlineData(ContainerErrorCode.NoMemory)]
    [InlineData(ContainerErrorCode.NoCapacity)]
    [InlineData(ContainerErrorCode.OfferRefused)]
    [InlineData(ContainerErrorCode.FeatureMissing)]
    [InlineData(ContainerErrorCode.FileMismatch)]
    [InlineData(ContainerErrorCode.MoveFailed)]
    [InlineData(ContainerErrorCode.HostUnreachable)]
    [InlineData(ContainerErrorCode.StaleGeneration)]
    [InlineData(ContainerErrorCode.Internal)]
    public async Task What_the_cluster_says_reaches_the_user_unchanged(ContainerErrorCode code)
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web").Failure = new ContainerException(code, "What, where, and what to do.");
        CgRun run = await machine.CgAsync("migrate", "web", "--to", "host-b");
        Assert.Equal((125, $"cg: What, where, and what to do. [{code}]\n", ""), (run.Exit, run.Error, run.Out));
    }

    [Theory]
    [InlineData("drain")]
    [InlineData("drain", "host-a", "--deadline", "soon")]
    [InlineData("drain", "host-a", "--wait", "--no-wait")]
    [InlineData("frobnicate")]
    [InlineData("--frobnicate")]
    [InlineData("run")]
    [InlineData("run", "--name")]
    [InlineData("run", "--nonsense", "sleep")]
    [InlineData("run", "--memory", "lots", "sleep")]
    [InlineData("run", "--cpus", "-1", "sleep")]
    [InlineData("run", "-v", "nonsense", "sleep")]
    [InlineData("run", "-v", "/a:/b:rx", "sleep")]
    [InlineData("run", "--stop-signal", "NOPE", "sleep")]
    [InlineData("run", "-e", "=x", "sleep")]
    [InlineData("run", "-i", "cat")]
    [InlineData("run", "-it", "sh")]
    [InlineData("create", "--tty", "sh")]
    [InlineData("exec", "web")]
    [InlineData("exec", "-t", "web", "sh")]
    [InlineData("kill", "-s", "65", "web")]
    [InlineData("stop", "-t", "soon", "web")]
    [InlineData("translate", "pid")]
    [InlineData("inspect")]
    [InlineData("ps", "extra")]
    [InlineData("explain", "nothing-of-the-kind")]
    [InlineData("checkpoint", "web", "--path", "relative")]
    [InlineData("resume", "/no/such/file")]
    [InlineData("suspend", "web", "-o", "/no/such/dir/file")]
    public async Task A_wrong_command_line_is_125_and_one_line(params string[] args)
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("web");
        CgRun run = await machine.CgAsync(args);
        Assert.Equal(125, run.Exit);
        Assert.StartsWith("cg: ", run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
        Assert.Equal(ContainerPhase.Running, machine.Cluster.Container("web").Status.Phase);
    }

    [Fact]
    public async Task A_mistyped_program_leaves_the_name_free()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal(127, (await machine.CgAsync("run", "-d", "--name", "web", "redis-sever")).Exit);
        Assert.Equal(0, (await machine.CgAsync("run", "-d", "--name", "web", "redis-server")).Exit);
    }

    [Fact]
    public async Task Without_a_silo_cg_says_what_to_do()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        await machine.StopSiloAsync("host-a");
        foreach (string[] args in (string[][])[["ps"], ["check"], ["run", "sleep"]])
        {
            CgRun run = await machine.CgAsync(args);
            Assert.Equal(125, run.Exit);
            Assert.Contains("No silo answers on this machine", run.Error);
            Assert.Contains("--socket", run.Error);
        }
        CgRun version = await machine.CgAsync("version", "--json");
        Assert.Equal(0, version.Exit);
        Assert.Equal(System.Text.Json.JsonValueKind.Null, version.Json.GetProperty("server").ValueKind);
    }

    [Fact]
    public async Task A_socket_that_is_not_one_is_named_with_what_is_wrong()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        await File.WriteAllTextAsync(machine.File("plain"), "", TestContext.Current.CancellationToken);
        foreach ((string path, string why) in ((string, string)[])[(machine.File("none"), "there is no such file"), (machine.File("plain"), "nobody listens there")])
        {
            CgRun run = await machine.CgAsync("ps", "--socket", path);
            Assert.Equal(125, run.Exit);
            Assert.Equal($"cg: No silo answers at {path} ({why}); start it, or name another socket with --socket, CG_SOCKET or CG_HOST.\n", run.Error);
        }
    }

    [Fact]
    public async Task Several_names_each_get_their_due()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Cluster.Running("a").ExitWith(0);
        machine.Cluster.Running("c").ExitWith(0);
        machine.Cluster.Running("d");
        CgRun run = await machine.CgAsync("rm", "a", "b", "c");
        Assert.Equal((125, "a\nc\n"), (run.Exit, run.Out));
        Assert.EndsWith("[NotFound]\n", run.Error);
        CgRun forced = await machine.CgAsync("rm", "-f", "nobody", "d");
        Assert.Equal((0, "d\n", ""), (forced.Exit, forced.Out, forced.Error));
    }
}
