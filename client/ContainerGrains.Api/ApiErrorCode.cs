namespace ContainerGrains.Api;

/// <summary>The words of <see cref="ApiProblem.Code"/>: the names of ContainerErrorCode (a test compares them), and what only <c>cg</c> knows.</summary>
public static class ApiErrorCode
{
    public const string Internal = nameof(Internal);
    public const string InvalidName = nameof(InvalidName);
    public const string InvalidSpec = nameof(InvalidSpec);
    public const string NameTaken = nameof(NameTaken);
    public const string NotFound = nameof(NotFound);
    public const string WrongPhase = nameof(WrongPhase);
    public const string HostNotFound = nameof(HostNotFound);
    public const string NoCapacity = nameof(NoCapacity);
    public const string RootfsMissing = nameof(RootfsMissing);
    public const string ProgramNotFound = nameof(ProgramNotFound);
    public const string ProgramNotExecutable = nameof(ProgramNotExecutable);
    public const string NotCarried = nameof(NotCarried);
    public const string AlreadyMoving = nameof(AlreadyMoving);
    public const string OfferRefused = nameof(OfferRefused);
    public const string FeatureMissing = nameof(FeatureMissing);
    public const string FileMismatch = nameof(FileMismatch);
    public const string NoMemory = nameof(NoMemory);
    public const string DiskFull = nameof(DiskFull);
    public const string MoveFailed = nameof(MoveFailed);
    public const string Cancelled = nameof(Cancelled);
    public const string BadImage = nameof(BadImage);
    public const string StaleGeneration = nameof(StaleGeneration);
    public const string NoSuchProcess = nameof(NoSuchProcess);
    public const string Timeout = nameof(Timeout);
    public const string NoPackedForm = nameof(NoPackedForm);
    public const string HostUnreachable = nameof(HostUnreachable);
    public const string HostCordoned = nameof(HostCordoned);

    /// <summary>The command line was wrong.</summary>
    public const string Usage = nameof(Usage);
    /// <summary>No silo answers on this machine.</summary>
    public const string NoSilo = nameof(NoSilo);
}
