namespace ContainerGrains.Survival.Tests;

public sealed class ShellTests
{
    [Fact]
    public void A_loop_that_writes_numbers_to_a_file()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("sh", "-c",
            "trap 'exit 0' USR1; i=0; while true; do i=$((i+1)); echo $i >> /root/numbers; echo $i; sleep 0.01; done"));
        Journey.Go(mover);
        string[] numbers = mover.Execute("cat", "/root/numbers").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Journey.End(mover);

        Assert.NotEmpty(numbers);
        Journey.AssertContinuous(numbers);
        Journey.AssertContinuous(mover.Lines);
    }

    [Fact]
    public void A_pipeline_of_three_processes()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("sh", "-c",
            "i=0; while [ ! -e /tmp/enough ]; do i=$((i+1)); echo $i; [ $((i % 20)) != 0 ] || sleep 0.05; done | awk '{ print $1 * 2; fflush() }' | { while read n; do echo $((n / 2)); s=$((s + n)); done; echo sum $s; }"));
        Journey.Go(mover);
        mover.Execute("touch", "/tmp/enough");
        Assert.Equal(new ProcessExit(0, 0), mover.WaitForExit());

        Assert.Equal("", mover.Errors);
        long last = mover.Lines.Count - 1;
        Assert.Equal($"sum {last * (last + 1)}", mover.Lines[^1]);
        Journey.AssertContinuous([.. mover.Lines.SkipLast(1)]);
    }
}
