namespace ContainerGrains.Survival.Tests.Tasks;

public sealed class TaskStateTests
{
    private const int SIGUSR2 = 12;

    [Fact]
    public void Everything_that_a_process_can_ask_about_itself_is_the_same_after_ten_moves()
    {
        using var traveller = new Traveller("task_state.py");
        string[] lines = traveller.WaitFor(l => l.Length > 0);

        for (int move = 1; move <= 10; move++)
        {
            traveller.Move();
            int next = lines.Length + 1;
            traveller.Container.Signal(1, SIGUSR2);
            lines = traveller.WaitFor(l => l.Length >= next);
            Assert.Equal(lines[0], lines[^1]);
        }
    }

    [Fact]
    public void And_after_a_checkpoint_that_it_runs_on_after()
    {
        using var traveller = new Traveller("task_state.py");
        string[] lines = traveller.WaitFor(l => l.Length > 0);

        traveller.CheckpointAndGoOn();
        traveller.Container.Signal(1, SIGUSR2);
        lines = traveller.WaitFor(l => l.Length > 1);

        Assert.Equal(lines[0], lines[1]);
    }
}
