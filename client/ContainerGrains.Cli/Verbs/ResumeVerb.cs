using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Http;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class ResumeVerb : Verb
{
    private readonly Argument<string> _file;
    private readonly Option<string?> _host;

    public ResumeVerb() : base("resume", "[OPTIONS] FILE", "Let a suspended container run again from its file, on any host of this machine.", "cg resume /media/stick/web.cg --host host-c")
    {
        _file = AddArgument(new Argument<string>("FILE") { Description = "What 'cg suspend -o' has written." });
        _host = Add(Options.Value<string?>("HOST", "Where to; default the host that answers.", "--host"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string file = Path.GetFullPath(parsed.GetValue(_file)!, cg.Surroundings.CurrentDirectory);
        string? host = parsed.GetValue(_host);
        using FileStream stream = Open(file);
        SuspendedImage header = ReadHeader(stream, file);
        ApiClient api = host is null ? cg.Api : FindHost(cg, host);
        stream.Position = 0;
        byte[] json = api.Upload("/images/resume" + (host is null ? "" : $"?host={Escape(host)}"), stream, stream.Length);
        RestoreVerb.Print(cg, header.Name, json);
        return 0;
    }

    /// <summary>An unknown host is told apart from one that is on another machine.</summary>
    private static ApiClient FindHost(Cg cg, string host)
    {
        _ = cg.Api.Call("GET", $"/hosts/{Escape(host)}");
        return cg.Discovery.FindHost(cg.Api, host);
    }

    private static SuspendedImage ReadHeader(FileStream stream, string file)
    {
        try
        {
            SuspendedImage header = SuspendedImage.ReadAsync(stream, CancellationToken.None).AsTask().GetAwaiter().GetResult();
            return stream.Length - stream.Position == header.ImageBytes
                ? header
                : throw new InvalidDataException($"it has {stream.Length - stream.Position} bytes of an image of {header.ImageBytes}");
        }
        catch (InvalidDataException e)
        {
            throw new CgException(ApiErrorCode.BadImage, $"'{file}' cannot be resumed: {e.Message}; take the file that 'cg suspend -o' has written.");
        }
    }

    private static FileStream Open(string file)
    {
        try
        {
            return File.OpenRead(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CgException.Usage($"The file cannot be read ({e.Message.TrimEnd('.')}); name one that 'cg suspend -o' has written.");
        }
    }
}
