using ContainerGrains.Cli.Tests.Fakes;

namespace ContainerGrains.Cli.Tests;

public sealed class RunVerbTests
{
    [Fact]
    public async Task The_long_form_of_run_carries_every_option()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = await machine.CgAsync("run", "-d", "--name", "web", "--host", "host-a", "--rootfs", "/", "--env", "K=V", "--workdir", "/srv", "--user", "1000",
            "--memory", "512m", "--cpus", "1", "-v", "/etc:/conf:ro", "-v", "data:/data", "--", "redis-server", "--port", "6379");

        Assert.Equal((0, "web\n", ""), (run.Exit, run.Out, run.Error));
        ContainerSpec spec = machine.Cluster.Container("web").Status.Spec;
        Assert.Equal(["redis-server", "--port", "6379"], spec.Args);
        Assert.Equal(("host-a", "/", "/srv", "1000"), (spec.Host, spec.Rootfs, spec.WorkingDirectory, spec.User));
        Assert.Equal(["K=V"], spec.Env);
        Assert.Equal((512L << 20, 1.0), (spec.Limits.MemoryBytes, spec.Limits.Cpus));
        Assert.Equal([new VolumeMount("/etc", "/conf", true), new VolumeMount(machine.File("data"), "/data", false)], spec.Volumes);
        Assert.Equal(ContainerPhase.Running, machine.Cluster.Container("web").Status.Phase);
    }

    [Fact]
    public async Task Options_end_at_the_command_as_in_podman()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = await machine.CgAsync("run", "-d", "--name", "x", "--rootfs", "/", "redis-server", "--port", "6379", "--name", "y", "-d", "--", "--json", "--help", "@file");

        Assert.Equal((0, "x\n"), (run.Exit, run.Out));
        Assert.Equal(["redis-server", "--port", "6379", "--name", "y", "-d", "--", "--json", "--help", "@file"], machine.Cluster.Container("x").Status.Spec.Args);
    }

    [Fact]
    public async Task A_switch_does_not_swallow_the_command()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal(0, (await machine.CgAsync("run", "--name", "t", "-d", "true")).Exit);
        Assert.Equal(["true"], machine.Cluster.Container("t").Status.Spec.Args);
    }

    [Fact]
    public async Task Short_options_bundle_and_repeat()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        machine.Environment["FROM_CG"] = "outer";
        CgRun run = await machine.CgAsync("run", "-dw/srv", "-e", "A=1", "-eB=2 3", "-e", "FROM_CG", "-e", "NOT_SET", "-l", "k=v", "--name=n", "sleep", "60");

        Assert.Equal((0, ""), (run.Exit, run.Error));
        ContainerSpec spec = machine.Cluster.Container("n").Status.Spec;
        Assert.Equal(["A=1", "B=2 3", "FROM_CG=outer"], spec.Env);
        Assert.Equal(("/srv", "v"), (spec.WorkingDirectory, spec.Labels["k"]));
    }

    [Fact]
    public async Task The_programs_exit_code_is_ours_and_rm_removes_the_container()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = await machine.CgAsync("run", "--rm", "--name", "once", "--rootfs", "/", "--", "sh", "-c", "exit 3");

        Assert.Equal((3, "", "leaving\n"), (run.Exit, run.Out, run.Error));
        Assert.Equal(ContainerPhase.None, machine.Cluster.Container("once").Status.Phase);
    }

    [Fact]
    public async Task Without_rm_the_container_stays_and_a_name_is_made_up()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = await machine.CgAsync("run", "echo", "hello", "world");
        Assert.Equal((0, "hello world\n"), (run.Exit, run.Out));
        CgRun names = await machine.CgAsync("ps", "-aq");
        Assert.True(ContainerName.IsValid(names.Out.TrimEnd()), names.Out);
    }

    [Fact]
    public async Task A_detached_run_with_rm_leaves_the_removal_to_the_cluster()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        Assert.Equal(0, (await machine.CgAsync("run", "-d", "--rm", "--name", "gone", "sleep", "1")).Exit);
        Assert.True(machine.Cluster.Container("gone").Status.Spec.RemoveOnExit);
    }

    [Theory]
    [InlineData(2, 130)]
    [InlineData(15, 143)]
    public async Task Signals_go_to_the_container_and_its_death_is_reported(int signal, int exit)
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = machine.Begin("run", "--name", "fg", "sleep", "60");
        FakeContainer container = machine.Cluster.Container("fg");
        await container.UntilAsync(() => container.Status.Phase == ContainerPhase.Running);
        container.Write("up\n");
        await run.UntilWrittenAsync("up");
        run.Signal(signal);

        await run.EndAsync();
        Assert.Equal([(signal, 1)], container.Signals);
        Assert.Equal((exit, "up\n"), (run.Exit, run.Out));
    }

    [Fact]
    public async Task A_signal_that_does_not_kill_is_forwarded_and_the_run_goes_on()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = machine.Begin("run", "--name", "fg", "sleep", "60");
        FakeContainer container = machine.Cluster.Container("fg");
        await container.UntilAsync(() => container.Status.Phase == ContainerPhase.Running);
        run.Signal(1);
        await container.UntilAsync(() => container.Signals.Count == 1);
        container.Write("reloaded\n");
        container.ExitWith(0);

        await run.EndAsync();
        Assert.Equal((0, "reloaded\n"), (run.Exit, run.Out));
        Assert.Equal([(1, 1)], container.Signals);
    }

    [Fact]
    public async Task The_output_goes_on_with_another_silo_when_one_is_lost()
    {
        await using TestMachine machine = await TestMachine.StartAsync("host-a", "host-b");
        CgRun run = machine.Begin("run", "--name", "fg", "sleep", "60");
        FakeContainer container = machine.Cluster.Container("fg");
        await container.UntilAsync(() => container.Status.Phase == ContainerPhase.Running);
        container.Write("one\n");
        await run.UntilWrittenAsync("one");
        await machine.StopSiloAsync("host-a");
        container.Write("two\n");
        await run.UntilWrittenAsync("two");
        container.ExitWith(7);

        await run.EndAsync();
        Assert.Equal((7, "one\ntwo\n"), (run.Exit, run.Out));
    }

    [Fact]
    public async Task With_json_a_detached_run_prints_the_container()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        CgRun run = await machine.CgAsync("run", "-d", "--json", "--name", "web", "sleep", "9");
        Assert.Equal("web", run.Json.GetProperty("name").GetString());
        Assert.Equal("running", run.Json.GetProperty("state").GetString());
    }
}
