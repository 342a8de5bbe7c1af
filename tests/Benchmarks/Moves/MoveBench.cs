using System.Diagnostics;
using System.Net;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.DemoClient;
using ContainerGrains.Engine;
using ContainerGrains.TestKit;

namespace ContainerGrains.Benchmarks.Moves;

/// <summary>A redis with 64 MiB of values goes to and fro between two hosts, while a client on neither counts over one connection.</summary>
internal sealed class MoveBench(BenchOptions options, Report report) : IBench
{
    private const string Section = "move";
    private const string Address = "10.88.7.8";
    private const int Port = 6379, Mebibytes = 64;
    // Proof that the client goes on, and that the gap of the move has ended.
    private const int RepliesBetween = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public void Run(CancellationToken cancellationToken)
    {
        Measurement total = report.Add(Section, "redis, 64 MiB, total", "ms", "sending all of the memory once: two copies and a socket; then the freeze");
        Measurement freeze = report.Add(Section, "redis, 64 MiB, freeze", "ms", "dump and restore of everything but memory, and the last dirty pages");
        Measurement gap = report.Add(Section, "redis, 64 MiB, client's gap", "ms", "the freeze, and the network's new way; INCR every 1 ms, one connection");
        Measurement pages = report.Add(Section, "redis, 64 MiB, pages in the freeze", "pages", "what the client's commands dirty in one round");
        Measurement quiet = report.Add(Section, "no move, client's longest gap in 200 ms", "ms", "this machine's scheduler; the floor of the client's gap");
        using var lan = new TestLan();
        using var trio = new EngineTrio(lan);
        TestHost a = trio.Hosts[0], b = trio.Hosts[1];
        foreach (TestHost host in (TestHost[])[a, b]) host.Engine.WarmUp();
        var config = new ContainerConfig
        {
            Name = "cg-bench-redis",
            Args = ["redis-server", "--port", $"{Port}", "--protected-mode", "no", "--save", "", "--appendonly", "no"],
            WorkingDirectory = "/tmp",
            Address = $"{Address}/16",
        };
        Counter? client = null;
        try
        {
            var mover = new Mover(a, b, a.Run(() => a.Engine.Start(config, CancellationToken.None)));
            var counter = new Counter(new IPEndPoint(IPAddress.Parse(Address), Port), Mebibytes);
            // A thread stays in the network namespace of the one that starts it.
            lan.Client.Run(counter.Start);
            client = counter;
            for (int i = -1; i < options.Moves; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                AwaitReplies(counter, RepliesBetween);
                double before = TakeGapOf200Ms(counter);
                MoveTimes times = mover.Move();
                AwaitReplies(counter, RepliesBetween);
                double gapMs = counter.TakeLongestGapMs();
                // The first one warms both hosts up.
                if (i < 0) continue;
                quiet.Samples.Add(before);
                total.Samples.Add(times.TotalMs);
                freeze.Samples.Add(times.FreezeMs);
                gap.Samples.Add(gapMs);
                pages.Samples.Add(times.FinalPages);
            }
            CounterResult result = counter.Stop();
            client = null;
            if (result is not { Lost: 0, Reconnects: 0, Wrong: 0 }) throw new InvalidOperationException($"the client noticed the moves: {result}");
        }
        finally
        {
            client?.Stop();
            foreach (TestHost host in (TestHost[])[a, b]) host.Run(() => host.Engine.Delete(config.Name));
        }
    }

    private static double TakeGapOf200Ms(Counter counter)
    {
        counter.TakeLongestGapMs();
        Thread.Sleep(200);
        return counter.TakeLongestGapMs();
    }

    private static void AwaitReplies(Counter counter, long more)
    {
        long wanted = counter.Replies + more;
        for (long start = Stopwatch.GetTimestamp(); counter.Replies < wanted; Thread.Sleep(1))
            if (Stopwatch.GetElapsedTime(start) > Patience) throw new TimeoutException($"redis gave no {more} answers within {Patience.TotalSeconds} s");
    }
}
