using System.Globalization;

namespace ContainerGrains.Benchmarks.Harness;

/// <summary>What a number means nothing without.</summary>
/// <param name="LoadBefore">Load average of the last minute when the run began; what else ran on the machine.</param>
internal sealed record MachineFacts(string Kernel, int Cpus, string CpuModel, double MemoryGiB, double LoadBefore, DateTimeOffset At)
{
    public static MachineFacts Read() => new(
        File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
        Environment.ProcessorCount,
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown",
        MemoryKiB("MemTotal") / 1048576.0,
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture),
        TimeProvider.System.GetUtcNow());

    /// <summary>Whether others run beside us so much that numbers would be about them.</summary>
    public bool IsBusy => LoadBefore > Cpus / 2.0;

    public static long AvailableBytes => MemoryKiB("MemAvailable") << 10;

    private static long MemoryKiB(string field) =>
        long.Parse(File.ReadLines("/proc/meminfo").First(l => l.StartsWith($"{field}:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
