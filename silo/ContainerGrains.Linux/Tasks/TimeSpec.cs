using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct timespec: seconds and nanoseconds.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct TimeSpec(long Seconds, long Nanoseconds)
{
    public const int SizeBytes = 16;
    public const long NanosecondsPerSecond = 1_000_000_000;

    public static TimeSpec FromNanoseconds(long ns) => new(ns / NanosecondsPerSecond, ns % NanosecondsPerSecond);

    /// <summary>What the kernel accepts as a length of time.</summary>
    public bool IsValid => Seconds >= 0 && Nanoseconds is >= 0 and < NanosecondsPerSecond;

    /// <summary>The whole in nanoseconds; the largest long for what does not fit (292 years).</summary>
    public long TotalNanoseconds => Seconds >= long.MaxValue / NanosecondsPerSecond - 1 ? long.MaxValue : Seconds * NanosecondsPerSecond + Nanoseconds;
}
