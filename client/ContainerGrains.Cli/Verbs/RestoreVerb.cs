using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class RestoreVerb : Verb
{
    private readonly Argument<string> _name;
    private readonly Option<string?> _path;
    private readonly Option<string?> _host;

    public RestoreVerb() : base("restore", "[OPTIONS] NAME", "Start a container again from a checkpoint, by default its last; it must not be running.",
        "cg restore web", "cg restore web --path /var/lib/containergrains/web.image --host host-b")
    {
        _name = AddArgument(Options.Name());
        _path = Add(Options.Value<string?>("FILE", "The checkpoint, a file on the host.", "--path", "--import", "-i"));
        _host = Add(Options.Value<string?>("HOST", "Where to; default its home host.", "--host"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string name = parsed.GetValue(_name)!;
        var request = new ApiRestoreRequest { Path = parsed.GetValue(_path), Host = parsed.GetValue(_host) };
        Print(cg, name, cg.Api.Call("POST", $"/containers/{Escape(name)}/restore", request, ApiJson.Default.ApiRestoreRequest));
        return 0;
    }

    /// <summary>The container that runs again, and what of it could not be restored in full.</summary>
    public static void Print(Cg cg, string name, byte[] json)
    {
        CreateVerb.Print(cg, name, json);
        cg.Warn(JsonSerializer.Deserialize(json, ApiJson.Default.ApiContainer)!.Warnings);
    }
}
