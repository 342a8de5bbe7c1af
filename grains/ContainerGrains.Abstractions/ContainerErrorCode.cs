namespace ContainerGrains;

/// <summary>What kind of error a caller got. The message says what, where and what to do.</summary>
public enum ContainerErrorCode
{
    /// <summary>A defect or an unexpected kernel answer; the message quotes it.</summary>
    Internal = 0,
    InvalidName = 1,
    InvalidSpec = 2,
    /// <summary>The name is claimed by another container in the cluster.</summary>
    NameTaken = 3,
    NotFound = 4,
    /// <summary>The container's phase does not allow the call (exec in a stopped container, say).</summary>
    WrongPhase = 5,
    HostNotFound = 6,
    /// <summary>No host has room, or the named one has not.</summary>
    NoCapacity = 7,
    RootfsMissing = 8,
    /// <summary>Exit code 127.</summary>
    ProgramNotFound = 9,
    /// <summary>Exit code 126.</summary>
    ProgramNotExecutable = 10,
    /// <summary>A process of the container uses something that a checkpoint does not carry yet.</summary>
    NotCarried = 11,
    /// <summary>A move of this container is already under way.</summary>
    AlreadyMoving = 12,
    /// <summary>The target host refused the offer; the message says why.</summary>
    OfferRefused = 13,
    /// <summary>The target lacks a CPU or kernel feature that the container uses.</summary>
    FeatureMissing = 14,
    /// <summary>A file that a mapping or a descriptor needs is missing or different on the target.</summary>
    FileMismatch = 15,
    NoMemory = 16,
    DiskFull = 17,
    /// <summary>The move failed before the commit; the container runs on where it was.</summary>
    MoveFailed = 18,
    Cancelled = 19,
    /// <summary>An image is damaged, truncated or of an unknown version.</summary>
    BadImage = 20,
    /// <summary>A command carried an older generation than the record's: another owner has taken over.</summary>
    StaleGeneration = 21,
    NoSuchProcess = 22,
    Timeout = 23,
    /// <summary>The pidspace has no packed form (above 511), or the pid does not fit 23 bits.</summary>
    NoPackedForm = 24,
    /// <summary>The container's host is not reachable at the moment.</summary>
    HostUnreachable = 25,
    /// <summary>The host is cordoned: it keeps what it has and takes no containers.</summary>
    HostCordoned = 26,
}
