namespace ContainerGrains.Survival.Tests;

/// <summary>
/// Hosts that cannot take a container: a file that it has mapped or open is missing or another one there, or the disk is full.
/// The error says what, where and what to do; the container runs on, nothing is left, and it moves when the host is mended.
/// </summary>
public sealed class BadHostTests
{
    private const string Content = "the file that both hosts must have";
    private static readonly DateTime Time = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData("mapped", "missing")]
    [InlineData("mapped", "longer")]
    [InlineData("mapped", "newer")]
    [InlineData("open", "missing")]
    [InlineData("open", "longer")]
    [InlineData("open", "newer")]
    public void A_file_that_is_not_the_same_there(string how, string fault)
    {
        using var here = new TemporaryDirectory();
        using var there = new TemporaryDirectory();
        File.SetLastWriteTimeUtc(here.Write("file", Content), Time);
        if (fault != "missing") File.SetLastWriteTimeUtc(there.Write("file", fault == "longer" ? Content + "!" : Content), fault == "newer" ? Time.AddSeconds(1) : Time);
        using var trio = new EngineTrio();
        ContainerConfig config = With(here.Path, "python3", "/workloads/reader.py", how, "/data/file", "0");
        ContainerMover mover = trio.Start(config);
        mover.WaitForLines(2);

        EngineException error = Assert.Throws<EngineException>(() => mover.MoveOver(wire => wire.Source, With(there.Path, [.. config.Args])));

        Assert.Equal(EngineError.FileMismatch, error.Error);
        Assert.Contains("/data/file", error.Message, StringComparison.Ordinal);
        Assert.Contains(how == "mapped" ? "put the same file there" : "must be on this host", error.Message, StringComparison.Ordinal);
        trio.AssertNothingOn(mover.Next);
        mover.WaitForLines(2);
        mover.Move();
        GoesOn(mover);
    }

    [Fact]
    public void A_disk_that_is_too_small_for_its_files()
    {
        using var here = new TemporaryDirectory();
        here.Write("file", Content);
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(With(here.Path, "python3", "/workloads/reader.py", "open", "/data/file", "8"));
        mover.WaitForLines(2);
        using (new SmallDisk(mover.Next.Engine.Options.StateDirectory, "size=4m"))
        {
            EngineException error = Assert.Throws<EngineException>(mover.Move);
            Assert.Equal(EngineError.DiskFull, error.Error);
            Assert.Contains("tmp/own", error.Message, StringComparison.Ordinal);
            trio.AssertNothingOn(mover.Next);
            mover.WaitForLines(2);
        }
        mover.Move();
        GoesOn(mover);
    }

    [Fact]
    public void A_disk_that_is_too_small_for_a_checkpoint()
    {
        using var here = new TemporaryDirectory();
        here.Write("file", Content);
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(With(here.Path, "python3", "/workloads/reader.py", "open", "/data/file", "4"));
        mover.WaitForLines(2);
        using (new SmallDisk($"{here.Path}/disk", "size=1m"))
        {
            foreach (bool leaveRunning in (bool[])[true, false])
            {
                using FileStream image = File.Create($"{here.Path}/disk/image");
                EngineException error = Assert.Throws<EngineException>(() => mover.Container.Checkpoint(image, leaveRunning, CancellationToken.None));
                Assert.Equal(EngineError.DiskFull, error.Error);
                Assert.Contains("make room", error.Message, StringComparison.Ordinal);
                mover.WaitForLines(2);
            }
        }
        mover.ThroughFile();
        GoesOn(mover);
    }

    [Fact]
    public void A_disk_without_room_for_a_new_container()
    {
        using var trio = new EngineTrio();
        TestHost host = trio.Hosts[0];
        using (new SmallDisk(host.Engine.Options.StateDirectory, "nr_inodes=4"))
        {
            EngineException error = Assert.Throws<EngineException>(() => trio.Start(EngineTrio.Config("true")));
            Assert.Equal(EngineError.DiskFull, error.Error);
            Assert.Contains("make room", error.Message, StringComparison.Ordinal);
            host.Engine.Delete("survivor");
            trio.AssertNothingOn(host);
        }
        Assert.Equal(new ProcessExit(0, 0), trio.Start(EngineTrio.Config("true")).WaitForExit());
    }

    private static ContainerConfig With(string data, params string[] args)
    {
        ContainerConfig config = EngineTrio.Config(args);
        return config with { Volumes = [.. config.Volumes, new VolumeConfig(data, "/data", ReadOnly: true)] };
    }

    private static void GoesOn(ContainerMover mover)
    {
        mover.WaitForLines(2);
        Journey.End(mover);
        Journey.AssertContinuous(mover.Lines);
    }
}
