using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>struct itimerval (getitimer(2)) or itimerspec (timer_settime(2)): 32 bytes; fractions are µs in the first, ns in the second.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct IntervalTimer(long IntervalSeconds, long IntervalFraction, long ValueSeconds, long ValueFraction)
{
    public const int SizeBytes = 32;
    public bool IsArmed => ValueSeconds != 0 || ValueFraction != 0;
}
