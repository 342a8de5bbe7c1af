namespace ContainerGrains.Survival.Tests.Tasks;

public sealed class StoppedChildTests
{
    private const int SIGUSR2 = 12;

    [Fact]
    public void A_stopped_process_stands_still_over_moves_and_checkpoints_until_it_is_continued()
    {
        using var traveller = new Traveller("stopped_child.py");
        Assert.Equal("T stood still", traveller.WaitFor(l => l.Length > 0)[0]);
        for (int i = 1; i <= 9; i++)
        {
            if (i % 3 == 0) traveller.CheckpointAndGoOn();
            else traveller.Move();
            Assert.Equal("T stood still", Ask(traveller, i + 1));
        }

        Assert.EndsWith(" counted", Ask(traveller, 11));
        traveller.Move();
        Assert.DoesNotContain("T", Ask(traveller, 12));
    }

    private static string Ask(Traveller traveller, int line)
    {
        traveller.Container.Signal(1, SIGUSR2);
        return traveller.WaitFor(l => l.Length >= line)[line - 1];
    }
}
