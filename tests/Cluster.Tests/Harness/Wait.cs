using System.Diagnostics;

namespace ContainerGrains.Cluster.Tests;

internal static class Wait
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Waits until something is so; fails after a minute.</summary>
    /// <param name="pauseMs">0 looks again at once: for moments of milliseconds.</param>
    public static void Until(Func<bool> condition, string what, int pauseMs = 20)
    {
        for (long start = Stopwatch.GetTimestamp(); !condition(); Thread.Sleep(pauseMs))
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"within {Patience.TotalSeconds} s it did not come about that {what}");
    }
}
