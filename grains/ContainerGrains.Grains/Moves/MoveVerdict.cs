namespace ContainerGrains.Grains;

/// <summary>What the record says of a move.</summary>
public enum MoveVerdict
{
    /// <summary>Neither side has written its claim.</summary>
    Undecided = 0,
    /// <summary>The source owns the container: it thaws, the target discards.</summary>
    Source = 1,
    /// <summary>The target owns the container: it thaws, the source discards.</summary>
    Target = 2,
    /// <summary>The container is gone, or has another owner altogether: both discard.</summary>
    Neither = 3,
}
