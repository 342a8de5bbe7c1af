namespace ContainerGrains.Grains;

/// <summary>What a drain's options must fulfil, which errors of its moves pass, and which are the target's alone. Pure.</summary>
public static class DrainRules
{
    private const int MostAtOnce = 16;
    private static readonly TimeSpan LongestDeadline = TimeSpan.FromDays(1);

    /// <exception cref="ContainerException">InvalidSpec.</exception>
    public static void Check(DrainOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Parallel is < 1 or > MostAtOnce)
            throw new ContainerException(ContainerErrorCode.InvalidSpec, $"A drain moves 1 to {MostAtOnce} containers at the same time, not {options.Parallel}.");
        if (options.Deadline is { } deadline && (deadline <= TimeSpan.Zero || deadline > LongestDeadline))
            throw new ContainerException(ContainerErrorCode.InvalidSpec, $"A drain's deadline of {deadline.TotalSeconds:0.###} s is out of range: give more than 0 s and a day at most.");
    }

    /// <summary>Another host may take a container that this one did not.</summary>
    public static bool IsOfTarget(ContainerErrorCode code) => code is ContainerErrorCode.OfferRefused or ContainerErrorCode.FeatureMissing
        or ContainerErrorCode.FileMismatch or ContainerErrorCode.RootfsMissing or ContainerErrorCode.NoMemory or ContainerErrorCode.DiskFull
        or ContainerErrorCode.NoCapacity or ContainerErrorCode.HostNotFound or ContainerErrorCode.HostCordoned or ContainerErrorCode.HostUnreachable
        or ContainerErrorCode.MoveFailed;

    /// <summary>The same move may succeed a moment later.</summary>
    public static bool Passes(ContainerErrorCode code) => code is ContainerErrorCode.AlreadyMoving or ContainerErrorCode.HostUnreachable
        or ContainerErrorCode.HostNotFound or ContainerErrorCode.StaleGeneration or ContainerErrorCode.Timeout;

    public static bool HasProcesses(ContainerPhase phase) => phase is ContainerPhase.Running or ContainerPhase.Moving;
}
