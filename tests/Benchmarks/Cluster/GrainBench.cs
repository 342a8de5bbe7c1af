using System.Collections.Concurrent;
using System.Diagnostics;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.Client;

namespace ContainerGrains.Benchmarks.Cluster;

/// <summary>Calls to a container's grain through the client library, while it stays and while it moves. No call may fail.</summary>
internal sealed class GrainBench(BenchOptions options, Report report, TwoSilos? silos) : IBench
{
    private const string Section = "grain";
    private const string Name = "cg-bench-grain";
    // Enough to keep two cores busy; more would only wait in line.
    private const int Callers = 16;
    private const int Mebibytes = 64;
    private const int LatencyCalls = 1000;
    private const int MaxTries = 50;
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(20);

    public void Run(CancellationToken cancellationToken)
    {
        Measurement latency = report.Add(Section, "call, container stays", "ms", "one round trip: client, TCP, gateway, grain and back; a /proc read for the status");
        Measurement rate = report.Add(Section, $"calls, container stays, {Callers} callers", "calls/s", "CPU: client and both silos share this machine");
        Measurement movingRate = report.Add(Section, $"calls, container moves, {Callers} callers", "calls/s", "the same, minus the hand-over, in which calls wait, and the CPU of the move");
        Measurement longest = report.Add(Section, "longest call of a move", "ms", "the hand-over of the grain: the freeze, the record's write and the activation on the other silo");
        Measurement freeze = report.Add(Section, "freeze of a move, 64 MiB", "ms", "dump, send, restore, commit in the store, thaw; as the move's report has it");
        Measurement total = report.Add(Section, "move, 64 MiB, total", "ms", "sending the memory over loopback; then the hand-over");
        Measurement tries = report.Add(Section, "tries of a move", "tries", "1, unless the way back is refused while the source still clears the last move away");
        if (silos is null)
        {
            foreach (Measurement m in (Measurement[])[latency, rate, movingRate, longest, freeze, total, tries]) m.Missing = TwoSilos.Missing;
            return;
        }
        RunAsync().GetAwaiter().GetResult();

        async Task RunAsync()
        {
            string[] hosts = [.. silos.Silos.Select(s => s.Host)];
            ContainerHandle container = await silos.Cluster.RunAsync(Name, Spec(hosts[0]), cancellationToken);
            try
            {
                await AwaitFilled(container, cancellationToken);
                for (int i = 0; i < LatencyCalls; i++) await container.GetStatusAsync(cancellationToken);
                for (int i = 0; i < LatencyCalls; i++)
                {
                    long start = Stopwatch.GetTimestamp();
                    await container.GetStatusAsync(cancellationToken);
                    latency.Samples.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
                for (int second = -1; second < options.CallSeconds; second++)
                {
                    CallTally tally = await CallWhile(container, () => Task.Delay(1000, cancellationToken));
                    if (second >= 0) rate.Samples.Add(tally.PerSecond);
                }
                for (int move = -1; move < options.Moves; move++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    string target = hosts[(move + 2) % 2];
                    MigrationReport? done = null;
                    CallTally tally = new(0, 0);
                    int tried = 0;
                    while (done is null)
                    {
                        try
                        {
                            tried++;
                            tally = await CallWhile(container, async () => done = await container.MigrateAsync(target, cancellationToken: cancellationToken));
                        }
                        catch (ContainerException e) when (e.Code == ContainerErrorCode.OfferRefused && tried < MaxTries)
                        {
                            await Task.Delay(BetweenTries, cancellationToken);
                        }
                    }
                    if (move < 0) continue;
                    tries.Samples.Add(tried);
                    movingRate.Samples.Add(tally.PerSecond);
                    longest.Samples.Add(tally.LongestMs);
                    freeze.Samples.Add(done!.FreezeMs);
                    total.Samples.Add(done.TotalMs);
                }
            }
            finally
            {
                await container.DeleteAsync(force: true, CancellationToken.None);
            }
        }
    }

    private static ContainerSpec Spec(string host) => new()
    {
        Args = ["/usr/bin/python3", "/workloads/fill.py", $"{Mebibytes}"],
        Volumes = [new VolumeMount(BenchPaths.Workloads, "/workloads", true)],
        Host = host,
    };

    private static async Task AwaitFilled(ContainerHandle container, CancellationToken cancellationToken)
    {
        await foreach (LogChunk chunk in container.LogsAsync(follow: true, cancellationToken: cancellationToken))
            if (System.Text.Encoding.UTF8.GetString(chunk.Stdout).Contains("filled", StringComparison.Ordinal)) return;
        throw new InvalidOperationException("the workload ended before it had filled its memory");
    }

    /// <summary>Hammers the grain from all callers until the work has ended.</summary>
    private static async Task<CallTally> CallWhile(ContainerHandle container, Func<Task> work)
    {
        var stop = new StopSign();
        var longest = new ConcurrentBag<TimeSpan>();
        long calls = 0, start = Stopwatch.GetTimestamp();
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(_ => Task.Run(Call))];
        try
        {
            await work();
        }
        finally
        {
            stop.IsSet = true;
            await Task.WhenAll(callers);
        }
        return new CallTally(calls / Stopwatch.GetElapsedTime(start).TotalSeconds, longest.Max().TotalMilliseconds);

        async Task Call()
        {
            TimeSpan slowest = TimeSpan.Zero;
            while (!stop.IsSet)
            {
                long begun = Stopwatch.GetTimestamp();
                await container.GetStatusAsync();
                TimeSpan took = Stopwatch.GetElapsedTime(begun);
                if (took > slowest) slowest = took;
                Interlocked.Increment(ref calls);
            }
            longest.Add(slowest);
        }
    }

    private sealed class StopSign
    {
        private volatile bool _isSet;

        public bool IsSet { get => _isSet; set => _isSet = value; }
    }
}
