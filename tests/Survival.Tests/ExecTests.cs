namespace ContainerGrains.Survival.Tests;

public sealed class ExecTests
{
    [Fact]
    public void A_program_started_in_a_running_container_goes_with_it_and_ends_as_it_would_have()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/plain.py"));
        mover.WaitForLines(1);
        string id = Exec(mover, "read word; echo 1 $word; i=1; while [ ! -e /tmp/enough ]; do i=$((i+1)); echo $i; sleep 0.01; done; echo $((i+1)) bye; echo trouble >&2; exit 7").Id;
        IExecSession ended = Exec(mover, "echo short; exit 3");
        mover.WaitFor(() => ended.Exited.IsCompleted, "the end of the short one");
        int virtualPid = Find(mover, id).VirtualPid;

        for (int i = 0; i < Journey.Moves; i++)
        {
            int lines = Output(mover, id).Count;
            mover.WaitFor(() => Output(mover, id).Count > lines + 1, "output of the exec");
            mover.Move();
            Assert.Equal(virtualPid, Find(mover, id).VirtualPid);
        }
        mover.ThroughFile();
        mover.Execute("touch", "/tmp/enough");
        mover.WaitFor(() => Find(mover, id).Exited.IsCompleted, "the end of the exec");

        Assert.Equal(new ProcessExit(7, 0), Ended(Find(mover, id)));
        IReadOnlyList<string> output = Output(mover, id);
        Assert.Equal("1 hello", output[0]);
        Assert.EndsWith(" bye", output[^1], StringComparison.Ordinal);
        Journey.AssertContinuous(output);
        Assert.Equal("trouble\n", File.ReadAllText(Find(mover, id).StderrPath));
        Assert.Equal(new ProcessExit(3, 0), Ended(Find(mover, ended.Id)));
        Assert.Equal(["short"], Output(mover, ended.Id));
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    [Fact]
    public void Those_that_end_around_the_freeze_are_known_afterwards()
    {
        const int Each = 24;
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("sleep", "600"));
        mover.Rounds = 1;
        for (int i = 0; i < Journey.Moves; i++)
        {
            IExecSession[] execs = [.. Enumerable.Range(0, Each).Select(_ => Exec(mover, "exec sleep 600"))];
            // So close before the freeze that the last ones are reaped in the middle of it, or would be.
            mover.MoveOver(wire => new RoundEndStream(wire.Source, () => Array.ForEach(execs, e => mover.Container.Signal(e.VirtualPid, 9))));
            mover.WaitFor(() => execs.All(e => Find(mover, e.Id).Exited.IsCompleted), "the ends of all");
            Assert.All(execs, e => Assert.Equal(new ProcessExit(0, 9), Ended(Find(mover, e.Id))));
        }
        Assert.Single(mover.Container.Processes());
    }

    [Fact]
    public void Its_own_environment_and_directory_count_more_than_the_containers()
    {
        using var trio = new EngineTrio();
        ContainerConfig config = EngineTrio.Config("sleep", "60");
        ContainerMover mover = trio.Start(config with { Env = [.. config.Env, "A=first", "A=container", "B=container"], WorkingDirectory = "/made/for/it" });
        Assert.Equal("container container /made/for/it\n", mover.Execute("sh", "-c", "echo $A $B $PWD"));
        Assert.Equal("exec container /tmp\n", Run(mover, new ExecConfig(["python3", "-c", "import os; print(os.environ['A'], os.environ['B'], os.getcwd())"], ["A=x", "A=exec"], "/tmp", null, [])));

        EngineException error = Assert.Throws<EngineException>(() => mover.Container.Exec(new ExecConfig(["pwd"], [], "/no/such", null, []), TestContext.Current.CancellationToken));
        Assert.Equal(EngineError.InvalidConfig, error.Error);
        Assert.Contains("'/no/such' cannot be entered (ENOENT)", error.Message, StringComparison.Ordinal);
        Assert.Equal("", Run(mover, new ExecConfig(["sh", "-c", "ls -d /no || true"], [], null, null, [])));
    }

    private static string Run(ContainerMover mover, ExecConfig config)
    {
        IExecSession exec = mover.Container.Exec(config, TestContext.Current.CancellationToken);
        mover.WaitFor(() => exec.Exited.IsCompleted, "the end of the exec");
        return File.ReadAllText(exec.StdoutPath);
    }

    private static IExecSession Exec(ContainerMover mover, string script) =>
        mover.Container.Exec(new ExecConfig(["sh", "-c", script], [], null, null, "hello\n"u8.ToArray()), TestContext.Current.CancellationToken);

    private static IExecSession Find(ContainerMover mover, string id) =>
        mover.Container.FindExec(id) ?? throw new InvalidOperationException($"exec {id} is not known on host {mover.Host.Name}");

    private static IReadOnlyList<string> Output(ContainerMover mover, string id) => ContainerMover.WholeLines(Find(mover, id).StdoutPath);

    private static ProcessExit? Ended(IExecSession session) => session.Exited.IsCompletedSuccessfully ? session.Exited.GetAwaiter().GetResult() : null;
}
