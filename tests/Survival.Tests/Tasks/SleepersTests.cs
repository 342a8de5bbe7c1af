using System.Globalization;

namespace ContainerGrains.Survival.Tests.Tasks;

public sealed class SleepersTests
{
    private const int Disturbances = 10;
    private const double FirstSeconds = 4, MostSeconds = 64, LatestWakeSeconds = 2;
    private static readonly Dictionary<string, int> Errnos = new() { ["futex"] = 110, ["rt_sigtimedwait"] = 11 };

    [Fact]
    public void No_waiting_call_is_interrupted_or_cut_short_by_ten_moves() => Sleep(traveller => traveller.Move());

    [Fact]
    public void Nor_by_ten_checkpoints_that_it_runs_on_after() => Sleep(traveller => traveller.CheckpointAndGoOn());

    // The waits must be longer than all disturbances together, which depends on how busy the machine is.
    private static void Sleep(Action<Traveller> disturb)
    {
        for (double seconds = FirstSeconds; !TrySleep(disturb, seconds); seconds *= 2)
            Assert.True(seconds < MostSeconds, $"{Disturbances} disturbances took longer than {seconds} s");
    }

    private static bool TrySleep(Action<Traveller> disturb, double seconds)
    {
        using var traveller = new Traveller("sleepers.py", seconds.ToString(CultureInfo.InvariantCulture));
        traveller.WaitFor(l => l.Contains("ready"));
        long begin = System.Diagnostics.Stopwatch.GetTimestamp();
        for (int i = 0; i < Disturbances; i++)
        {
            if (System.Diagnostics.Stopwatch.GetElapsedTime(begin).TotalSeconds > seconds / 2) return false;
            try
            {
                disturb(traveller);
            }
            catch (Exception) when (traveller.Lines.Contains("done"))
            {
                return false;
            }
        }
        double disturbedSeconds = System.Diagnostics.Stopwatch.GetElapsedTime(begin).TotalSeconds;
        if (disturbedSeconds > seconds) return false;
        Assert.DoesNotContain("done", traveller.Lines);

        string[] lines = traveller.WaitFor(l => l.Contains("done"));

        string[][] sleeps = [.. lines.Select(l => l.Split(' ')).Where(parts => parts.Length == 4)];
        Assert.Equal(12, sleeps.Length);
        foreach (string[] sleep in sleeps)
        {
            int errno = Errnos.GetValueOrDefault(sleep[0]);
            Assert.Equal($"{sleep[0]} {(errno == 0 ? 0 : -1)} {errno}", string.Join(' ', sleep.Take(3)));
            // The clock of a wait stands still while the container does; a wait that began anew ten times would show.
            Assert.InRange(double.Parse(sleep[3], CultureInfo.InvariantCulture), seconds, seconds + disturbedSeconds + LatestWakeSeconds);
        }
        return true;
    }
}
