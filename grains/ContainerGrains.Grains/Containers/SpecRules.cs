namespace ContainerGrains.Grains;

/// <summary>What a spec must fulfil before anything is claimed. What only a host can know (does the rootfs exist?) it checks itself.</summary>
public static class SpecRules
{
    private const int MaxStrings = 4096;

    /// <exception cref="ContainerException">InvalidSpec.</exception>
    public static void Check(ContainerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        Require(spec.Args is { Count: > 0 and <= MaxStrings } && spec.Args[0].Length > 0, "a program is needed: give its name and arguments");
        Require(spec.Args.All(NoNul) && spec.Env.All(NoNul), "arguments and environment must not hold NUL characters");
        Require(spec.Env.Count <= MaxStrings && spec.Env.All(e => e.IndexOf('=') > 0), "environment entries have the form KEY=VALUE");
        Require(IsAbsolute(spec.Rootfs), $"the rootfs '{spec.Rootfs}' must be an absolute path");
        Require(IsAbsolute(spec.WorkingDirectory), $"the working directory '{spec.WorkingDirectory}' must be an absolute path");
        Require(spec.Volumes.All(v => IsAbsolute(v.Source) && IsAbsolute(v.Target)), "both paths of a volume must be absolute");
        Require(spec.Limits.MemoryBytes is null or >= 1 << 20, "the memory limit must be at least 1 MiB");
        Require(spec.Limits.Cpus is null or > 0, "the CPU limit must be above 0");
        Require(spec.Limits.Pids is null or > 0, "the limit of processes must be above 0");
        Require(spec.StopSignal is >= 1 and <= 64, $"the stop signal {spec.StopSignal} must be between 1 and 64");
        Require(spec.User.Length > 0 && NoNul(spec.User), "the user must not be empty");
    }

    private static bool IsAbsolute(string path) => path.StartsWith('/') && NoNul(path);

    private static bool NoNul(string text) => !text.Contains('\0');

    private static void Require(bool condition, string what)
    {
        if (!condition)
            throw new ContainerException(ContainerErrorCode.InvalidSpec, $"The container's description is not usable: {what}.");
    }
}
