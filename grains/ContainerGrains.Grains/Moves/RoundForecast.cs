namespace ContainerGrains.Grains;

/// <summary>What the rounds so far say of the rest of a move.</summary>
/// <param name="FreezeMs">What a freeze would take if the hand-over began now; null as long as nobody knows how fast pages are written.</param>
/// <param name="EtaMs">From now until the container runs on the target; null as above.</param>
/// <param name="DirtyBytesPerSecond">What the last round found, over the time since the one before; null after the first.</param>
public sealed record RoundForecast(RoundDecision Decision, double? FreezeMs, double? EtaMs, double LinkBytesPerSecond, double? DirtyBytesPerSecond);
