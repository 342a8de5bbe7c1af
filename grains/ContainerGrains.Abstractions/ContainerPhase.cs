namespace ContainerGrains;

/// <summary>Where a container is in its life.</summary>
public enum ContainerPhase
{
    /// <summary>No such container.</summary>
    None = 0,
    /// <summary>Claimed and recorded, not started.</summary>
    Created = 1,
    Running = 2,
    /// <summary>Running, and a move is under way; it still runs on its host.</summary>
    Moving = 3,
    /// <summary>Its processes are on disk (suspended to the store), not on any host.</summary>
    Suspended = 4,
    /// <summary>Init has exited; <see cref="ContainerStatus.Exit"/> says how.</summary>
    Exited = 5,
}
