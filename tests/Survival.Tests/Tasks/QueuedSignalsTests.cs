namespace ContainerGrains.Survival.Tests.Tasks;

public sealed class QueuedSignalsTests
{
    private const int SIGUSR1 = 10;

    [Fact]
    public void None_is_lost_doubled_or_out_of_order_in_ten_moves()
    {
        using var traveller = new Traveller("queued_signals.py");
        traveller.WaitFor(l => l.Contains("100"));
        for (int i = 0; i < 10; i++) traveller.Move();
        Assert.DoesNotContain("done 0", traveller.Lines);

        traveller.Container.Signal(2, SIGUSR1);
        traveller.WaitFor(l => l.Contains("done 0"));
    }
}
