using System.Globalization;

namespace ContainerGrains.Survival.Tests.SocketRooms;

public sealed class SocketsTests
{
    [Fact]
    public void Both_ends_of_every_kind_of_socket_go_on_through_ten_moves() => Disturb(traveller => traveller.Move());

    [Fact]
    public void And_through_ten_checkpoints_that_it_runs_on_after() => Disturb(traveller => traveller.CheckpointAndGoOn());

    private static void Disturb(Action<Traveller> disturb)
    {
        using var traveller = new Traveller("sockets.py");
        traveller.WaitFor(l => l.Contains("ready") && Count(l) > 0);
        for (int i = 0; i < 10; i++)
        {
            disturb(traveller);
            // Every kind goes on after each: the smallest count of all grows.
            int before = Count(traveller.Lines);
            string[] lines = traveller.WaitFor(l => Count(l) > before + 1 || l.Any(s => s.StartsWith("error", StringComparison.Ordinal)));
            Assert.DoesNotContain(lines, l => l.StartsWith("error", StringComparison.Ordinal));
        }
        traveller.Container.Signal(1, 10);
        string[] all = traveller.WaitFor(l => l[^1].StartsWith("done", StringComparison.Ordinal));
        Assert.DoesNotContain(all, l => l.StartsWith("error", StringComparison.Ordinal));
        Assert.Equal("done 0", all[^1]);
    }

    private static int Count(string[] lines) =>
        lines.LastOrDefault(l => l.StartsWith("counts ", StringComparison.Ordinal)) is { } line ? int.Parse(line[7..], CultureInfo.InvariantCulture) : 0;
}
