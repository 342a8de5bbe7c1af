namespace ContainerGrains.Benchmarks.Moves;

/// <param name="TotalMs">From the first step to the end of the source's clean-up.</param>
/// <param name="FreezeMs">From the freeze to the return of the commit, when the processes run again.</param>
/// <param name="FinalPages">Pages that were still dirty in the freeze.</param>
internal sealed record MoveTimes(double TotalMs, double FreezeMs, int Rounds, long FinalPages);
