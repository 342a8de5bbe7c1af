using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Http;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class SuspendVerb : Verb
{
    private readonly Argument<string> _name;
    private readonly Option<string?> _output;

    public SuspendVerb() : base("suspend", "[OPTIONS] NAME", "Stop a container and keep its processes in a file, to be carried away if need be.",
        "cg suspend web -o /media/stick/web.cg", "cg suspend web   # the file stays on the host; cg restore web starts it again")
    {
        _name = AddArgument(Options.Name());
        _output = Add(Options.Value<string?>("FILE", "The file, on this machine; default none, the host keeps it.", "--output", "-o"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string name = parsed.GetValue(_name)!;
        string path = $"/containers/{Escape(name)}";
        if (parsed.GetValue(_output) is not { } output)
        {
            CheckpointVerb.Print(cg, cg.Api.Call("POST", $"{path}/suspend", new ApiCheckpointRequest(), ApiJson.Default.ApiCheckpointRequest));
            return 0;
        }
        string file = Path.GetFullPath(output, cg.Surroundings.CurrentDirectory);
        ApiContainer container = cg.Api.Get(path, ApiJson.Default.ApiContainer);
        ApiClient home = container.Host is { } host ? cg.Discovery.FindHost(cg.Api, host) : cg.Api;
        ApiCheckpoint report = Download(home, name, $"{path}/suspend/download", file) with { Path = file };
        CheckpointVerb.Print(cg, JsonSerializer.SerializeToUtf8Bytes(report, ApiJson.Relaxed.ApiCheckpoint));
        return 0;
    }

    /// <summary>The file has its name only when all of it is there and on the disk.</summary>
    private static ApiCheckpoint Download(ApiClient home, string name, string path, string file)
    {
        string part = file + ".part";
        using FileStream stream = CreateFile(part);
        try
        {
            home.Download(path, stream);
            stream.Flush(flushToDisk: true);
            stream.Position = 0;
            ApiCheckpoint report = SuspendedImage.ReadAsync(stream, CancellationToken.None).AsTask().GetAwaiter().GetResult().Report;
            File.Move(part, file, overwrite: true);
            return report;
        }
        catch (Exception e)
        {
            File.Delete(part);
            // Refused before anything was suspended, or lost on the way: then the host still has the image.
            if (e is CgException)
                throw;
            if (e is not ConnectionLostException && RunsOn(home, name))
                throw new CgException(ApiErrorCode.DiskFull, $"'{file}' could not be written ({e.Message.TrimEnd('.')}); '{name}' was restored and runs on: make room, or name another file with -o.");
            throw new CgException(e is ConnectionLostException ? ApiErrorCode.HostUnreachable : ApiErrorCode.DiskFull,
                $"'{file}' could not be written ({e.Message.TrimEnd('.')}); '{name}' is suspended and its host keeps the image: make room, 'cg restore {name}' starts it again.");
        }
    }

    // From the image that its host keeps.
    private static bool RunsOn(ApiClient home, string name)
    {
        try
        {
            home.Call("POST", $"/containers/{Escape(name)}/restore", new ApiRestoreRequest(), ApiJson.Default.ApiRestoreRequest);
            return true;
        }
        catch (Exception e) when (e is CgException or ConnectionLostException)
        {
            // The file's error is the cause, and what to do about the container stands beside it.
            return false;
        }
    }

    private static FileStream CreateFile(string path)
    {
        try
        {
            return new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Create, Access = FileAccess.ReadWrite, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CgException.Usage($"The file cannot be made ({e.Message.TrimEnd('.')}); the container runs on. Name another with -o.");
        }
    }
}
