namespace ContainerGrains.Survival.Tests;

/// <summary>The way that every program of these tests must survive: ten moves round three hosts, and once through a file.</summary>
internal static class Journey
{
    public const int Moves = 10;
    private const int SIGUSR1 = 10;

    /// <summary>A workload of tests/workloads that numbers its lines and ends at SIGUSR1 with a line "end".</summary>
    public static void Survive(params string[] args) => Survive(EngineTrio.Config(args));

    public static void Survive(ContainerConfig config)
    {
        using var trio = new EngineTrio();
        ContainerMover mover = trio.Start(config);
        Go(mover);
        End(mover);
        Assert.EndsWith(" end", mover.Lines[^1], StringComparison.Ordinal);
        AssertContinuous(mover.Lines);
    }

    /// <summary>All stations, with proof of life before each and after the last.</summary>
    public static void Go(ContainerMover mover)
    {
        for (int i = 0; i < Moves; i++)
        {
            mover.WaitForLines(2);
            mover.Move();
        }
        mover.WaitForLines(2);
        mover.ThroughFile();
        mover.WaitForLines(2);
    }

    /// <summary>The program ends by itself, satisfied.</summary>
    public static void End(ContainerMover mover)
    {
        mover.Container.Signal(1, SIGUSR1);
        ProcessExit exit = mover.WaitForExit();
        Assert.Equal("", mover.Errors);
        Assert.Equal(new ProcessExit(0, 0), exit);
    }

    /// <summary>Lines that begin with 1, 2, 3 …</summary>
    public static void AssertContinuous(IReadOnlyList<string> lines)
    {
        for (int i = 0; i < lines.Count; i++)
            if (lines[i].Split(' ')[0] != $"{i + 1}") Assert.Fail($"line {i + 1} is '{lines[i]}' after '{(i > 0 ? lines[i - 1] : "")}'");
    }
}
