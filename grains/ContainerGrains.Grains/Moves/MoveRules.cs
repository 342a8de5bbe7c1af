namespace ContainerGrains.Grains;

/// <summary>What the options of a move must fulfil before anything of it begins.</summary>
public static class MoveRules
{
    private const int MostRounds = 100;
    private static readonly TimeSpan SmallestBudget = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LargestBudget = TimeSpan.FromMinutes(1);

    /// <exception cref="ContainerException">InvalidSpec.</exception>
    public static void Check(MigrateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.MaxRounds is < 1 or > MostRounds)
            throw new ContainerException(ContainerErrorCode.InvalidSpec, $"A move has 1 to {MostRounds} rounds before its freeze, not {options.MaxRounds}.");
        if (options.FreezeBudget < SmallestBudget || options.FreezeBudget > LargestBudget)
        {
            throw new ContainerException(ContainerErrorCode.InvalidSpec,
                $"A freeze budget of {options.FreezeBudget.TotalMilliseconds:0.###} ms is out of range: give {SmallestBudget.TotalMilliseconds:0} ms to {LargestBudget.TotalSeconds:0} s.");
        }
    }
}
