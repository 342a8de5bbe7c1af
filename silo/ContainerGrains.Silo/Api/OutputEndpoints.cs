using ContainerGrains.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ContainerGrains.Silo.Api;

/// <summary>What containers and execs write, as streams that resume from a cursor.</summary>
internal static class OutputEndpoints
{
    /// <summary>Most bytes of one line of a stream, before base64.</summary>
    private const int ChunkBytes = 64 << 10;

    public static void Map(RouteGroupBuilder v1)
    {
        RouteGroupBuilder group = v1.MapGroup("/containers/{name}").WithTags("output");
        group.MapGet("/logs", LogsAsync).WithName("readLogs").Produces<ApiOutput>(200, Ndjson.ContentType)
            .WithSummary("Output from a cursor on (stdout=, stderr=), to its end or, with follow=true, to the container's; tail=N begins at the last N lines.");
        group.MapPost("/exec", ExecAsync).WithName("exec").WithSummary("Starts a further process.");
        group.MapGet("/exec/{execId}", ReadExecAsync).WithName("readExec").Produces<ApiOutput>(200, Ndjson.ContentType)
            .WithSummary("Output of an exec from a cursor on; the last line has its exit status.");
    }

    private static async Task LogsAsync(
        HttpContext http, ApiContext api, string name, CancellationToken cancellationToken, long stdout = 0, long stderr = 0, bool follow = false, int? tail = null)
    {
        IContainerGrain container = api.Container(name);
        var cursor = new LogCursor(stdout, stderr);
        if (tail is { } lines)
            cursor = await LogTail.FindAsync(container, cursor, Math.Max(0, lines), ChunkBytes, cancellationToken);
        await StreamAsync(http.Response, async first =>
        {
            TimeSpan wait = follow && !first ? api.Options.LongPoll : TimeSpan.Zero;
            LogChunk chunk = await container.ReadLogsAsync(cursor, ChunkBytes, wait, cancellationToken);
            bool atEnd = chunk.Stdout.Length == 0 && chunk.Stderr.Length == 0 && chunk.Next == cursor;
            cursor = chunk.Next;
            return new ApiOutput
            {
                Stdout = chunk.Stdout, Stderr = chunk.Stderr, Next = chunk.Next.ToApi(), Ended = chunk.Ended || (!follow && atEnd),
            };
        }, cancellationToken);
    }

    private static async Task<Ok<ApiExecStarted>> ExecAsync(ApiContext api, string name, ApiExecRequest request)
    {
        ExecStarted started = await api.Container(name).ExecAsync(new ExecRequest
        {
            Args = request.Args is { Count: > 0 }
                ? request.Args
                : throw new ContainerException(ContainerErrorCode.InvalidSpec, "There is no program to run: name one after the container, as in 'cg exec web -- ls'."),
            Env = request.Env,
            WorkingDirectory = request.WorkingDirectory,
            User = request.User,
            StandardInput = request.StandardInput,
        }, api.Stopping);
        return TypedResults.Ok(new ApiExecStarted(started.ExecId, started.VirtualPid));
    }

    private static async Task ReadExecAsync(
        HttpContext http, ApiContext api, string name, string execId, CancellationToken cancellationToken, long stdout = 0, long stderr = 0)
    {
        IContainerGrain container = api.Container(name);
        var cursor = new LogCursor(stdout, stderr);
        await StreamAsync(http.Response, async _ =>
        {
            ExecOutput output = await container.ReadExecAsync(execId, cursor, api.Options.LongPoll, cancellationToken);
            cursor = output.Next;
            return new ApiOutput
            {
                Stdout = output.Stdout, Stderr = output.Stderr, Next = output.Next.ToApi(), Ended = output.Exit is not null, Exit = output.Exit?.ToApi(),
            };
        }, cancellationToken);
    }

    /// <summary>Writes what <paramref name="read"/> gives until it has ended; an error in the middle becomes the last line.</summary>
    private static async Task StreamAsync(HttpResponse response, Func<bool, Task<ApiOutput>> read, CancellationToken cancellationToken)
    {
        for (bool first = true; ; first = false)
        {
            ApiOutput output;
            try
            {
                output = await read(first);
            }
            catch (Exception e) when (response.HasStarted && !cancellationToken.IsCancellationRequested)
            {
                output = new ApiOutput { Ended = true, Error = ApiErrors.Describe(e) };
            }
            // A first line without output tells a follower that the container is there; later empty ones would tell nothing.
            if (first || output.Ended || output.Stdout.Length > 0 || output.Stderr.Length > 0)
                await Ndjson.WriteLineAsync(response, output, ApiJson.Relaxed.ApiOutput, cancellationToken);
            if (output.Ended)
                return;
        }
    }
}
