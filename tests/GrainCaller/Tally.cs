namespace ContainerGrains.GrainCaller;

/// <param name="Calls">All of them.</param>
/// <param name="Signals">Calls that sent a real-time signal, which the container counts.</param>
/// <param name="Execs">Calls that ran a program, which appended its number to a file.</param>
/// <param name="Failures">What went wrong, each with its call.</param>
public sealed record Tally(int Calls, int Signals, int[] Execs, string[] Failures);
