namespace ContainerGrains.Survival.Tests;

/// <summary>A move that comes to nothing leaves the container where it was, exactly as it was, and nothing on the target.</summary>
public sealed class AbortTests
{
    [Theory]
    [InlineData("threads.py")]
    [InlineData("vectors.py")]
    [InlineData("holding.py")]
    [InlineData("pairs.py")]
    [InlineData("memory.py")]
    [InlineData("tree.py")]
    [InlineData("churn.py")]
    public void Five_times_after_the_cut_over_and_then_it_moves(string workload)
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", $"/workloads/{workload}"));
        for (int i = 0; i < 5; i++)
        {
            mover.WaitForLines(2);
            mover.Abort();
            trio.AssertNothingOn(mover.Next);
        }
        mover.WaitForLines(2);
        mover.Move();
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    [Fact]
    public void Locks_on_a_volume_are_lent_to_the_target_and_taken_back()
    {
        using var trio = new EngineTrio();
        using var volume = new TemporaryDirectory();
        ContainerConfig config = EngineTrio.Config("python3", "/workloads/locked.py", "/data");
        ContainerMover mover = trio.Start(config with { Volumes = [.. config.Volumes, new VolumeConfig(volume.Path, "/data", ReadOnly: false)] });
        for (int i = 0; i < 5; i++)
        {
            mover.WaitForLines(2);
            mover.Abort();
        }
        mover.WaitForLines(2);
        mover.Move();
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    [Fact]
    public void What_stands_in_the_way_for_a_moment_is_waited_for_and_nobody_notices()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/moments.py"));
        // Half of the freezes meet something.
        for (int i = 0; i < 10; i++)
        {
            mover.WaitForLines(2);
            mover.Abort();
            mover.Move();
        }
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
        Assert.True(mover.FreezesAgain > 0, "nothing stood in the way");
    }

    [Fact]
    public void Wherever_the_wire_is_cut()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/threads.py"));
        mover.WaitForLines(2);
        // Where the target is in the middle of a manifest, a round, the cut-over's pages, its records.
        foreach (long bytes in (long[])[0, 100, 3_000, 200_000, 3_000_000, .. LastBytes(mover)])
        {
            Exception error = Assert.ThrowsAny<Exception>(() => mover.MoveOver(wire => new CutStream(wire.Source, bytes, wire.Dispose)));
            Assert.True(error is IOException or ObjectDisposedException or EngineException { Error: EngineError.BadImage or EngineError.PeerFailed }, error.ToString());
            trio.AssertNothingOn(mover.Next);
            mover.WaitForLines(2);
        }
        mover.Move();
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    // A move sends about as much as the one before it.
    private static long[] LastBytes(ContainerMover mover)
    {
        mover.Abort();
        mover.WaitForLines(2);
        return [.. new[] { 100, 20_000, 60_000, 300_000 }.Select(fromEnd => mover.AbortedBytes - fromEnd)];
    }
}
