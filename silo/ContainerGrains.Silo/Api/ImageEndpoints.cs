using ContainerGrains.Api;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ContainerGrains.Silo.Api;

/// <summary>Checkpoints: on the host, and carried away and back as a file (the article's stick).</summary>
internal static class ImageEndpoints
{
    private const string OctetStream = "application/octet-stream";

    public static void Map(RouteGroupBuilder v1)
    {
        RouteGroupBuilder group = v1.MapGroup("").WithTags("images");
        group.MapPost("/containers/{name}/checkpoint", CheckpointAsync).WithName("checkpointContainer").WithSummary("Writes an image on the container's host; the container runs on.");
        group.MapPost("/containers/{name}/restore", RestoreAsync).WithName("restoreContainer").WithSummary("Starts a container again from an image on the host, by default its last checkpoint.");
        group.MapPost("/containers/{name}/suspend", SuspendAsync).WithName("suspendContainer").WithSummary("Checkpoint and stop; the image stays on the host.")
            .Produces<ApiCheckpoint>();
        group.MapPost("/containers/{name}/suspend/download", SuspendAndDownloadAsync).WithName("suspendAndDownload")
            .Produces<byte[]>(200, OctetStream).WithSummary("Checkpoint and stop; the answer is a file for resume. Only the container's own host can give it.");
        group.MapPost("/images/resume", ResumeAsync).WithName("resumeContainer").Accepts<byte[]>(OctetStream).Produces<ApiContainer>()
            .WithSummary("Takes such a file and restores the container on this host, under the name that the file holds.");
    }

    private static async Task<Ok<ApiCheckpoint>> CheckpointAsync(ApiContext api, string name, ApiCheckpointRequest request) =>
        TypedResults.Ok((await api.Container(name).CheckpointAsync(request.Path, api.Stopping)).ToApi());

    private static async Task<Ok<ApiContainer>> RestoreAsync(ApiContext api, string name, ApiRestoreRequest request) =>
        TypedResults.Ok((await api.Container(name).RestoreAsync(request.Path, request.Host, api.Stopping)).ToApi());

    private static async Task<Ok<ApiCheckpoint>> SuspendAsync(ApiContext api, string name, ApiCheckpointRequest request) =>
        TypedResults.Ok((await api.Container(name).SuspendAsync(request.Path, api.Stopping)).ToApi());

    private static async Task SuspendAndDownloadAsync(HttpContext http, ApiContext api, string name)
    {
        ContainerStatus status = await api.StatusAsync(name, api.Stopping);
        string here = api.Options.HostName;
        if (status.Host is { } home && home != here)
            throw new ContainerException(ContainerErrorCode.HostUnreachable,
                $"'{name}' lives on {home}, and only that host can send its image, this is {here}; run the command on {home}, or move the container here first.");
        CheckpointReport report = await api.Container(name).SuspendAsync(null, api.Stopping);
        if (report.Host != here)
            throw new ContainerException(ContainerErrorCode.HostUnreachable,
                $"'{name}' moved to {report.Host} meanwhile and is suspended there; its image is {report.Path} on that host, 'cg restore {name}' starts it again.");

        await using FileStream image = new(report.Path, new FileStreamOptions { Options = FileOptions.Asynchronous | FileOptions.SequentialScan, BufferSize = 1 << 20 });
        byte[] header = new SuspendedImage { Name = name, Spec = status.Spec.ToApi(), Report = report.ToApi(), ImageBytes = image.Length }.ToBytes();
        http.Response.ContentType = OctetStream;
        http.Response.ContentLength = header.Length + image.Length;
        await http.Response.Body.WriteAsync(header, http.RequestAborted);
        await image.CopyToAsync(http.Response.Body, 1 << 20, http.RequestAborted);
    }

    private static async Task<Ok<ApiContainer>> ResumeAsync(HttpContext http, ApiContext api, string? host = null)
    {
        string here = api.Options.HostName;
        if (host is not null && host != here)
            throw new ContainerException(ContainerErrorCode.HostUnreachable,
                $"The image must be sent to {host} itself, this is {here}; run the command on {host}, or leave out --host and move the container afterwards.");
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;

        SuspendedImage header = await SuspendedImage.ReadAsync(http.Request.Body, http.RequestAborted);
        IContainerGrain container = api.Container(header.Name);
        Directory.CreateDirectory(api.Options.ImagesDirectory);
        string path = Path.Combine(api.Options.ImagesDirectory, $"{header.Name}-{Guid.NewGuid():n}.upload");
        try
        {
            await StageAsync(http.Request.Body, path, header.ImageBytes, http.RequestAborted);
            ContainerStatus status = await container.ResumeAsync(header.Spec.ToSpec() with { Host = here }, path, here, api.Stopping);
            return TypedResults.Ok(status.ToApi());
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task StageAsync(Stream body, string path, long imageBytes, CancellationToken cancellationToken)
    {
        await using FileStream file = new(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, BufferSize = 1 << 20,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        await body.CopyToAsync(file, 1 << 20, cancellationToken);
        if (file.Length != imageBytes)
            throw new InvalidDataException($"the file is cut short: {file.Length} bytes of {imageBytes} arrived");
    }
}
