namespace ContainerGrains.Engine;

/// <summary>What kind of failure; the silo maps it to the client's error code.</summary>
public enum EngineError
{
    Internal, InvalidConfig, RootfsMissing, ProgramNotFound, ProgramNotExecutable, NotCarried, FeatureMissing, FileMismatch, NoMemory, DiskFull, BadImage,
    NoSuchProcess, Busy, Gone, Timeout, Cancelled, PeerFailed,
}

/// <summary>An operation of the engine failed; nothing of the container was lost.</summary>
/// <param name="error">Kind.</param>
/// <param name="stage">Where: "create: mount proc", "dump: pid 7 (redis-server) fd 12".</param>
/// <param name="reason">What was wrong and what to do, in one sentence.</param>
public sealed class EngineException(EngineError error, string stage, string reason, Exception? inner = null) : Exception($"{stage}: {reason}", inner)
{
    public EngineError Error { get; } = error;
    public string Stage { get; } = stage;
    public string Reason { get; } = reason;
}
