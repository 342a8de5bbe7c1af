namespace ContainerGrains.Grains;

/// <summary>What comes after a round.</summary>
public enum RoundDecision
{
    Another,
    Freeze,
    /// <summary>Nothing is frozen: the last pages alone would take longer than a freeze may last.</summary>
    Refuse,
}
