namespace ContainerGrains.Survival.Tests.Tasks;

public sealed class SandboxedTests
{
    private const int SIGUSR2 = 12;

    [Fact]
    public void Seccomp_filters_bind_each_thread_after_every_move()
    {
        using var traveller = new Traveller("sandboxed.py");
        string[] lines = traveller.WaitFor(l => l.Length > 0);
        Assert.Equal("main 1 allowed side 1 38 2 1", lines[0]);
        Assert.Empty(traveller.Container.Preflight());

        for (int i = 2; i <= 6; i++)
        {
            if (i % 2 == 0) traveller.Move();
            else traveller.CheckpointAndGoOn();
            traveller.Container.Signal(1, SIGUSR2);
            Assert.Equal(lines[0], traveller.WaitFor(l => l.Length >= i)[i - 1]);
        }
    }
}
