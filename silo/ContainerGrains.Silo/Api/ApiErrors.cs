using System.Net.Sockets;
using ContainerGrains.Api;
using Orleans.Runtime;

namespace ContainerGrains.Silo.Api;

/// <summary>Turns exceptions into problem JSON, in one place.</summary>
internal sealed partial class ApiErrors(ILogger<ApiErrors> logger)
{
    public const string ContentType = "application/problem+json";
    private const int ENOSPC = 28;

    /// <summary>The endpoint with its errors told as the contract says, those of reading the request too.</summary>
    public RequestDelegate Wrap(RequestDelegate endpoint) => async http =>
    {
        try
        {
            await endpoint(http);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            ApiProblem problem = Describe(e);
            if (problem.Code == ApiErrorCode.Internal)
                LogFailed(http.Request.Method, http.Request.Path, e);
            await Results.Json(problem, ApiJson.Relaxed.ApiProblem, ContentType, StatusOf(problem.Code)).ExecuteAsync(http);
        }
    };

    /// <summary>The problem that an exception is for a client.</summary>
    public static ApiProblem Describe(Exception e) => e switch
    {
        ContainerException container => new(container.Code.ToString(), container.Message),
        BadHttpRequestException bad => new(ApiErrorCode.InvalidSpec,
            $"The request is not what the API expects ({bad.InnerException?.Message ?? bad.Message}); its shape is in /openapi/v1.json."),
        InvalidDataException damaged => new(ApiErrorCode.BadImage, $"The image cannot be used: {damaged.Message}."),
        OperationCanceledException => new(ApiErrorCode.Cancelled, "The call was cancelled because the silo is stopping; ask another host."),
        TimeoutException => new(ApiErrorCode.Timeout, $"The cluster did not answer in time ({e.Message}); try again, 'cg hosts' shows who is there."),
        SiloUnavailableException or OrleansMessageRejectionException or SocketException =>
            new(ApiErrorCode.HostUnreachable, $"The container's host does not answer at the moment ({FirstLine(e.Message)}); try again, 'cg hosts' shows who is there."),
        IOException { HResult: ENOSPC } => new(ApiErrorCode.DiskFull, $"The host's disk is full ({e.Message}); make room and try again."),
        _ => new(ApiErrorCode.Internal, $"{e.GetBaseException().GetType().Name}: {e.GetBaseException().Message}"),
    };

    // Orleans' rejections carry a stack in their message.
    private static string FirstLine(string message) => message.Split('\n', 2)[0].TrimEnd();

    private static int StatusOf(string code) => code switch
    {
        ApiErrorCode.InvalidName or ApiErrorCode.InvalidSpec or ApiErrorCode.BadImage or ApiErrorCode.NoPackedForm => StatusCodes.Status400BadRequest,
        ApiErrorCode.NotFound or ApiErrorCode.HostNotFound or ApiErrorCode.NoSuchProcess => StatusCodes.Status404NotFound,
        ApiErrorCode.NameTaken or ApiErrorCode.WrongPhase or ApiErrorCode.AlreadyMoving or ApiErrorCode.StaleGeneration or ApiErrorCode.Cancelled
            or ApiErrorCode.HostCordoned => StatusCodes.Status409Conflict,
        ApiErrorCode.Internal => StatusCodes.Status500InternalServerError,
        ApiErrorCode.HostUnreachable => StatusCodes.Status503ServiceUnavailable,
        ApiErrorCode.Timeout => StatusCodes.Status504GatewayTimeout,
        ApiErrorCode.NoCapacity or ApiErrorCode.NoMemory or ApiErrorCode.DiskFull => StatusCodes.Status507InsufficientStorage,
        _ => StatusCodes.Status422UnprocessableEntity,
    };

    [LoggerMessage(700, LogLevel.Error, "{Method} {Path} failed")]
    private partial void LogFailed(string method, string path, Exception exception);
}
