namespace ContainerGrains.Grains;

/// <summary>What can happen to a container.</summary>
public enum ContainerEvent
{
    Create,
    Start,
    Exec,
    Signal,
    Stop,
    Exit,
    Checkpoint,
    Suspend,
    Restore,
    BeginMove,
    CommitMove,
    AbortMove,
    Delete,
    ForceDelete,
}
