namespace ContainerGrains.Survival.Tests.Tasks;

public sealed class TicksTests
{
    private const int SIGUSR1 = 10;

    [Fact]
    public void No_timer_is_lost_and_none_fires_twice_in_ten_moves()
    {
        using var traveller = new Traveller("ticks.py");
        traveller.WaitFor(l => l.Contains("10"));
        for (int i = 0; i < 10; i++) traveller.Move();

        traveller.Container.Signal(1, SIGUSR1);
        traveller.WaitFor(l => l.Contains("done"));
    }

    [Fact]
    public void Nor_in_ten_checkpoints_that_it_runs_on_after()
    {
        using var traveller = new Traveller("ticks.py");
        traveller.WaitFor(l => l.Contains("10"));
        for (int i = 0; i < 10; i++) traveller.CheckpointAndGoOn();

        traveller.Container.Signal(1, SIGUSR1);
        traveller.WaitFor(l => l.Contains("done"));
    }
}
