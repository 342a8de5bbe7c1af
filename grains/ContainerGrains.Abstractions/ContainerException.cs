namespace ContainerGrains;

/// <summary>
/// The one exception a client sees. <see cref="Code"/> is for programs, the message for people. The cause is for the logs of
/// the host where it happened: it does not cross to another process, which may not know its type.
/// </summary>
public sealed class ContainerException(ContainerErrorCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public ContainerErrorCode Code { get; } = code;
}

/// <summary>What crosses of a <see cref="ContainerException"/>.</summary>
[GenerateSerializer, Alias("ContainerGrains.ContainerException")]
internal record struct ContainerExceptionSurrogate([property: Id(0)] ContainerErrorCode Code, [property: Id(1)] string Message);

[RegisterConverter]
internal sealed class ContainerExceptionConverter : IConverter<ContainerException, ContainerExceptionSurrogate>
{
    public ContainerException ConvertFromSurrogate(in ContainerExceptionSurrogate surrogate) => new(surrogate.Code, surrogate.Message);
    public ContainerExceptionSurrogate ConvertToSurrogate(in ContainerException value) => new(value.Code, value.Message);
}
