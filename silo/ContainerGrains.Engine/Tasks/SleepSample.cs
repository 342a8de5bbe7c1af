namespace ContainerGrains.Engine;

/// <summary>When a thread last ran, seen before the freeze.</summary>
/// <param name="LastRanNs">On CLOCK_MONOTONIC: when it went to sleep, if it sleeps.</param>
/// <param name="Switches">How often it had given up the CPU; by it one sees whether it ran since.</param>
public readonly record struct SleepSample(long LastRanNs, long Switches);
