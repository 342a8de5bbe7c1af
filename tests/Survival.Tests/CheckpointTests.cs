namespace ContainerGrains.Survival.Tests;

/// <summary>
/// A checkpoint of a container that runs on: written while it runs, so that what it does meanwhile must not tear the image; and whatever
/// becomes of the file, nobody in the container notices.
/// </summary>
public sealed class CheckpointTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData("python3", "threads.py")]
    [InlineData("python3", "vectors.py")]
    [InlineData("python3", "holding.py")]
    [InlineData("python3", "pairs.py")]
    [InlineData("python3", "memory.py")]
    [InlineData("python3", "tree.py")]
    [InlineData("python3", "restless.py")]
    [InlineData("python3", "churn.py")]
    [InlineData("sh", "forks.sh")]
    public void Written_while_it_runs_lost_and_restored_elsewhere(string program, string workload)
    {
        using var trio = new EngineTrio();
        using var images = new TemporaryDirectory();
        ContainerMover mover = trio.Start(EngineTrio.Config(program, $"/workloads/{workload}"));
        for (int i = 0; i < 4; i++)
        {
            mover.WaitForLines(2);
            CheckpointResult result = mover.Checkpoint($"{images.Path}/image");
            Assert.True(result.Rounds >= 2, $"{result.Rounds} rounds");
            mover.WaitForLines(2);
            mover.Lose();
            mover.Load($"{images.Path}/image");
        }
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_writer_that_no_round_catches_up_with(int threads)
    {
        const int memory = 96;
        using var trio = new EngineTrio();
        using var images = new TemporaryDirectory();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/ledger.py", $"{memory}", $"{threads}"));
        mover.WaitForLines(8);
        for (int i = 0; i < 3; i++)
        {
            CheckpointResult result = mover.Checkpoint($"{images.Path}/{i}");
            Assert.Equal(result.Bytes, new FileInfo($"{images.Path}/{i}").Length);
            // Python's own memory is a few MiB more.
            Assert.InRange(result.Bytes, memory * MiB, 3 * (memory + 32) * MiB);
            mover.WaitForLines(8);
        }
        Journey.End(mover);
        for (int i = 0; i < 3; i++)
        {
            mover.Lose();
            mover.Load($"{images.Path}/{i}");
            mover.WaitForLines(8);
            Journey.End(mover);
            Journey.AssertContinuous(mover.Lines);
        }
    }

    [Fact]
    public void Nothing_is_written_to_the_file_while_it_stands_still()
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/ledger.py", "32", "2", "50"));
        mover.WaitForLines(2);
        var container = (EngineContainer)mover.Container;
        int during = 0, after = 0;
        using var image = new WatchedStream(_ =>
        {
            if (container.StandsStill) during++;
            else after++;
        });
        container.Checkpoint(image, leaveRunning: true, CancellationToken.None);
        // The file's end comes when the container has thawed; it is reserved until then.
        Assert.True(image.LastType == FrameType.End);
        Assert.Equal(0, during);
        Assert.NotEqual(0, after);
        Journey.End(mover);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_disk_that_is_full_before_the_last_part_of_the_file(bool leaveRunning)
    {
        using var trio = new EngineTrio();
        using var here = new TemporaryDirectory();
        // The rounds and the freeze's pages have room, however often all of the memory was written meanwhile (three times 14 MiB, Python
        // among it); /dev/shm, which is read in the freeze, has none.
        const long diskBytes = 54 * MiB;
        ContainerMover mover = StartWithShm(trio, memoryMiB: 4, shmMiB: 60);
        using (new SmallDisk($"{here.Path}/disk", $"size={diskBytes}"))
        {
            using FileStream image = File.Create($"{here.Path}/disk/image");
            EngineException error = Assert.Throws<EngineException>(() => mover.Container.Checkpoint(image, leaveRunning, CancellationToken.None));
            Assert.Equal(EngineError.DiskFull, error.Error);
            Assert.InRange(image.Length, diskBytes - 4 * MiB, diskBytes);
            mover.WaitForLines(2);
        }
        mover.Move();
        mover.WaitForLines(2);
        mover.ThroughFile();
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    [Theory]
    [InlineData(true, 0.5)]
    [InlineData(false, 0.5)]
    [InlineData(true, 0.75)]
    [InlineData(false, 0.75)]
    public void Cancelled_in_a_round_or_when_the_last_part_is_written(bool leaveRunning, double share)
    {
        using var trio = new EngineTrio();
        using var here = new TemporaryDirectory();
        ContainerMover mover = StartWithShm(trio, memoryMiB: 16, shmMiB: 16);
        long bytes = mover.Checkpoint($"{here.Path}/whole").Bytes;
        using var cancel = new CancellationTokenSource();
        using var image = new WatchedStream(written =>
        {
            if (written > bytes * share) cancel.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => mover.Container.Checkpoint(image, leaveRunning, cancel.Token));
        mover.WaitForLines(2);
        mover.Move();
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }

    private static ContainerMover StartWithShm(EngineTrio trio, int memoryMiB, int shmMiB)
    {
        ContainerMover mover = trio.Start(EngineTrio.Config("python3", "/workloads/ledger.py", $"{memoryMiB}", "1", "40"));
        mover.WaitForLines(2);
        mover.Execute("dd", "if=/dev/urandom", "of=/dev/shm/content", "bs=1M", $"count={shmMiB}", "status=none");
        return mover;
    }
}
