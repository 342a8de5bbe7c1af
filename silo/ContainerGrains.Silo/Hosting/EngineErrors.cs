using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>The border between engine and cluster: the one place where an engine's error becomes a client's.</summary>
internal static class EngineErrors
{
    public static ContainerException Translate(Exception error, string container, string host) => error switch
    {
        ContainerException known => known,
        EngineException e => new ContainerException(CodeOf(e.Error), $"Container '{container}' on {host}: {e.Message}", e),
        OperationCanceledException e => new ContainerException(ContainerErrorCode.Cancelled, $"Container '{container}' on {host}: the operation was cancelled.", e),
        IOException e when IsDiskFull(e) => new ContainerException(ContainerErrorCode.DiskFull, $"Container '{container}' on {host}: the disk is full; make room and repeat.", e),
        _ => new ContainerException(ContainerErrorCode.Internal, $"Container '{container}' on {host}: {error.Message}", error),
    };

    public static ContainerErrorCode CodeOf(EngineError error) => error switch
    {
        EngineError.InvalidConfig => ContainerErrorCode.InvalidSpec,
        EngineError.RootfsMissing => ContainerErrorCode.RootfsMissing,
        EngineError.ProgramNotFound => ContainerErrorCode.ProgramNotFound,
        EngineError.ProgramNotExecutable => ContainerErrorCode.ProgramNotExecutable,
        EngineError.NotCarried => ContainerErrorCode.NotCarried,
        EngineError.FeatureMissing => ContainerErrorCode.FeatureMissing,
        EngineError.FileMismatch => ContainerErrorCode.FileMismatch,
        EngineError.NoMemory => ContainerErrorCode.NoMemory,
        EngineError.DiskFull => ContainerErrorCode.DiskFull,
        EngineError.BadImage => ContainerErrorCode.BadImage,
        EngineError.NoSuchProcess => ContainerErrorCode.NoSuchProcess,
        EngineError.Busy => ContainerErrorCode.WrongPhase,
        EngineError.Gone => ContainerErrorCode.NotFound,
        EngineError.Timeout => ContainerErrorCode.Timeout,
        EngineError.Cancelled => ContainerErrorCode.Cancelled,
        EngineError.PeerFailed => ContainerErrorCode.MoveFailed,
        _ => ContainerErrorCode.Internal,
    };

    private static bool IsDiskFull(IOException error)
    {
        const int ENOSPC = 28;
        return (error.HResult & 0xffff) == ENOSPC;
    }
}
