using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class CheckpointVerb : Verb
{
    private readonly Argument<string> _name;
    private readonly Option<string?> _path;

    public CheckpointVerb() : base("checkpoint", "[OPTIONS] NAME", "Write a container's state into a file on its host; it runs on.", "cg checkpoint web", "cg checkpoint web --json")
    {
        _name = AddArgument(Options.Name());
        _path = Add(Options.Value<string?>("FILE", "The file, on the container's host; default the host chooses.", "--path", "--export", "-e"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string? path = parsed.GetValue(_path);
        if (path is not null && !path.StartsWith('/'))
            throw CgException.Usage($"'{path}' must be an absolute path: it is a file on the container's host.");
        var request = new ApiCheckpointRequest { Path = path };
        Print(cg, cg.Api.Call("POST", $"/containers/{Escape(parsed.GetValue(_name)!)}/checkpoint", request, ApiJson.Default.ApiCheckpointRequest));
        return 0;
    }

    /// <summary>The path alone on standard output, so that a script can take it; what it took for who watches.</summary>
    public static void Print(Cg cg, byte[] json)
    {
        if (cg.Json)
        {
            cg.PrintJson(json);
            return;
        }
        ApiCheckpoint report = JsonSerializer.Deserialize(json, ApiJson.Default.ApiCheckpoint)!;
        cg.Out.Line(report.Path);
        if (cg.Surroundings.ErrorIsTerminal())
            cg.Err.Line($"{report.Name} on {report.Host}: {report.Processes} processes, {Human.Bytes(report.Bytes)}, {report.Rounds} rounds, frozen {Human.Ms(report.FrozenMs)} of {Human.Ms(report.TotalMs)}");
    }
}
