using System.Diagnostics;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.Engine;
using ContainerGrains.TestKit;

namespace ContainerGrains.Benchmarks.Memory;

/// <summary>
/// Checkpoint to a file on tmpfs and restore from it, of a process with warm memory, against memcpy and a plain write of as many
/// bytes, in turns. A disk would measure the disk.
/// </summary>
internal sealed class MemoryBench(BenchOptions options, Report report) : IBench
{
    private const string Section = "memory";
    private const string Tmpfs = "/dev/shm";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public void Run(CancellationToken cancellationToken)
    {
        using var trio = new EngineTrio();
        foreach (TestHost host in trio.Hosts.Take(2)) host.Engine.WarmUp();
        foreach (int mebibytes in options.MemoryMebibytes) RunOne(trio, mebibytes, cancellationToken);
    }

    private void RunOne(EngineTrio trio, int mebibytes, CancellationToken cancellationToken)
    {
        long bytes = (long)mebibytes << 20;
        string size = mebibytes >= 1024 ? $"{mebibytes / 1024} GiB" : $"{mebibytes} MiB";
        Measurement copy = report.Add(Section, $"memcpy, {size}", "GiB/s", "this machine's memory: one core reads and writes warm pages");
        Measurement write = report.Add(Section, $"write to tmpfs, {size}", "GiB/s", "memcpy, and a fresh zeroed page for each one written");
        Measurement checkpoint = report.Add(Section, $"checkpoint, {size}", "GiB/s", "copies out of the process and into tmpfs, checksums");
        Measurement frozen = report.Add(Section, $"checkpoint, {size}, frozen", "ms", "what was written since the last round, what is not memory, and scans of the page tables");
        Measurement restore = report.Add(Section, $"restore, {size}", "GiB/s", "copies out of tmpfs and into fresh pages of the process, checksums");
        Measurement restoreMs = report.Add(Section, $"restore, {size}, total", "ms", "the same, and namespaces, overlay and cgroup as for a start");
        Measurement[] all = [copy, write, checkpoint, frozen, restore, restoreMs];
        // The process, its image, its restored twin, and the two arrays of memcpy.
        long needed = 5 * bytes + (512L << 20);
        if (MachineFacts.AvailableBytes < needed || new DriveInfo(Tmpfs).AvailableFreeSpace < 2 * bytes)
        {
            foreach (Measurement m in all) m.Missing = $"skipped: it needs {needed >> 20} MiB of free memory, {2 * bytes >> 20} MiB of it in {Tmpfs}";
            return;
        }

        using var images = new Scratch(Tmpfs);
        string path = $"{images.Path}/image";
        byte[] source = new byte[bytes], target = new byte[bytes];
        new Random(1).NextBytes(source);
        source.CopyTo(target, 0);
        TestHost from = trio.Hosts[0], to = trio.Hosts[1];
        var config = new ContainerConfig
        {
            Name = "cg-bench-memory",
            Args = ["/usr/bin/python3", "/workloads/fill.py", $"{mebibytes}"],
            Volumes = [new VolumeConfig(BenchPaths.Workloads, "/workloads", ReadOnly: true)],
        };
        IEngineContainer container = from.Engine.Start(config, cancellationToken);
        try
        {
            WaitUntilFilled(container);
            List<Contender> contenders =
            [
                new(copy, () => Rate(bytes, () => source.CopyTo(target, 0))),
                new(write, () => Write(source, $"{images.Path}/plain")),
                new([checkpoint, frozen], () => Checkpoint(container, path, bytes)),
                new([restore, restoreMs], () => Restore(to, config, path, bytes)),
            ];
            if (CriuBench.Find() is { } criu) contenders.AddRange(new CriuBench(criu, report, Section, mebibytes, size, images.Path).Contenders());
            Interleaving.Run(contenders, options.Checkpoints, warmUpRounds: 1, cancellationToken);
        }
        finally
        {
            from.Engine.Delete(config.Name);
            to.Engine.Delete(config.Name);
        }
    }

    private static double Write(byte[] source, string path)
    {
        double rate = Rate(source.Length, () =>
        {
            using FileStream file = File.Create(path, bufferSize: 0);
            const int chunk = 1 << 20;
            for (int offset = 0; offset < source.Length; offset += chunk) file.Write(source, offset, Math.Min(chunk, source.Length - offset));
        });
        File.Delete(path);
        return rate;
    }

    private static double[] Checkpoint(IEngineContainer container, string path, long bytes)
    {
        File.Delete(path);
        using FileStream image = File.Create(path);
        long start = Stopwatch.GetTimestamp();
        CheckpointResult result = container.Checkpoint(image, leaveRunning: true, CancellationToken.None);
        image.Flush();
        double rate = RateSince(start, bytes);
        if (result.Bytes < bytes) throw new InvalidDataException($"the image has {result.Bytes} bytes, and the process touched {bytes}");
        return [rate, result.FrozenMs];
    }

    private static double[] Restore(TestHost to, ContainerConfig config, string path, long bytes)
    {
        try
        {
            using FileStream image = File.OpenRead(path);
            long start = Stopwatch.GetTimestamp();
            IEngineContainer restored = to.Engine.Restore(image, config, CancellationToken.None);
            double rate = RateSince(start, bytes);
            double totalMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (restored.Processes() is not [{ } process] || process.ResidentBytes < bytes) throw new InvalidDataException("the restored process does not have its memory");
            return [rate, totalMs];
        }
        finally
        {
            to.Engine.Delete(config.Name);
        }
    }

    private static void WaitUntilFilled(IEngineContainer container)
    {
        for (long start = Stopwatch.GetTimestamp(); !File.ReadAllText(container.StdoutPath).Contains("filled", StringComparison.Ordinal); Thread.Sleep(10))
        {
            if (container.Exited.IsCompleted) throw new InvalidOperationException($"the workload ended: {File.ReadAllText(container.StderrPath)}");
            if (Stopwatch.GetElapsedTime(start) > Patience) throw new TimeoutException($"the workload did not fill its memory within {Patience.TotalSeconds} s");
        }
    }

    private static double Rate(long bytes, Action work)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        return RateSince(start, bytes);
    }

    private static double RateSince(long start, long bytes) => bytes / (double)(1L << 30) / Stopwatch.GetElapsedTime(start).TotalSeconds;
}
