using System.Diagnostics;
using ContainerGrains.Benchmarks.Harness;

namespace ContainerGrains.Benchmarks.Memory;

/// <summary>The same process under the CRIU that the environment variable CRIU names; images on the same tmpfs.</summary>
internal sealed class CriuBench(string criu, Report report, string section, int mebibytes, string size, string directory)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly string _images = $"{directory}/criu";
    private int _pid;

    /// <summary>Null when CRIU is not set.</summary>
    public static string? Find() => Environment.GetEnvironmentVariable("CRIU") is { Length: > 0 } path ? path : null;

    /// <summary>Dump and restore, in this order: each restore is of the dump before it.</summary>
    public IEnumerable<Contender> Contenders()
    {
        Measurement dump = report.Add(section, $"CRIU dump, {size}", "GiB/s", "the whole command: start of criu, parasite, pages through pipes, tmpfs", isPeer: true);
        Measurement frozen = report.Add(section, $"CRIU dump, {size}, frozen", "ms", "frozen_time of CRIU's own statistics", isPeer: true);
        Measurement restore = report.Add(section, $"CRIU restore, {size}", "GiB/s", "the whole command: start of criu, forks, pages out of tmpfs; no container around it", isPeer: true);
        Measurement restoreMs = report.Add(section, $"CRIU restore, {size}, total", "ms", "the same", isPeer: true);
        if (!File.Exists(criu))
        {
            foreach (Measurement m in (Measurement[])[dump, frozen, restore, restoreMs]) m.Missing = $"missing: CRIU names {criu}, which is not there";
            yield break;
        }
        yield return new Contender([dump, frozen], Dump);
        yield return new Contender([restore, restoreMs], Restore);
    }

    private double[] Dump()
    {
        if (Directory.Exists(_images)) Directory.Delete(_images, recursive: true);
        Directory.CreateDirectory(_images);
        using Process process = StartWorkload();
        try
        {
            _pid = process.Id;
            long start = Stopwatch.GetTimestamp();
            Command.Run(criu, ["dump", "-t", $"{_pid}", "-D", _images, "-v1", "--leave-running"]);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return [mebibytes / 1024.0 / seconds, CriuStatistics.FrozenMs($"{_images}/stats-dump")];
        }
        finally
        {
            // Its pid must be free for the restore.
            process.Kill();
            process.WaitForExit();
        }
    }

    private double[] Restore()
    {
        long start = Stopwatch.GetTimestamp();
        Command.Run(criu, ["restore", "-D", _images, "-v1", "--restore-detached"]);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        using Process restored = Process.GetProcessById(_pid);
        restored.Kill();
        return [mebibytes / 1024.0 / elapsed.TotalSeconds, elapsed.TotalMilliseconds];
    }

    // A session of its own, and no pipe to this process: CRIU would have to be told of both.
    private Process StartWorkload()
    {
        string output = $"{directory}/criu-output";
        File.Delete(output);
        Process process = Process.Start(new ProcessStartInfo("setsid",
            ["sh", "-c", $"exec /usr/bin/python3 {BenchPaths.Workloads}/fill.py {mebibytes} </dev/null >{output} 2>&1"]))!;
        for (long start = Stopwatch.GetTimestamp(); !File.Exists(output) || !File.ReadAllText(output).Contains("filled", StringComparison.Ordinal); Thread.Sleep(10))
        {
            if (!process.HasExited && Stopwatch.GetElapsedTime(start) <= Patience) continue;
            process.Kill();
            throw new InvalidOperationException($"the workload for CRIU did not fill its memory: {(File.Exists(output) ? File.ReadAllText(output) : "")}");
        }
        return process;
    }
}
