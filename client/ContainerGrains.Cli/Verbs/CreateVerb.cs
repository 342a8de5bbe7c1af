using System.CommandLine;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class CreateVerb : Verb
{
    private readonly SpecOptions _spec = new();
    private readonly Option<bool> _remove;

    public CreateVerb() : base("create", "[OPTIONS] [--] COMMAND [ARG...]", "Claim a name and record a container, without starting it.",
        "cg create --name web --host host-a -- redis-server --port 6379")
    {
        _remove = Add(Options.Flag("Remove it when it has exited.", "--rm"));
        _spec.AddTo(Command);
    }

    protected override int? WordsBeforeCommand => 0;

    public override int Run(ParseResult parsed, Cg cg)
    {
        ApiCreateRequest request = _spec.Read(parsed, cg.Surroundings, start: false, parsed.GetValue(_remove));
        Print(cg, request.Name, cg.Api.Call("POST", "/containers", request, ApiJson.Default.ApiCreateRequest));
        return 0;
    }

    /// <summary>The container as JSON for programs, its name for people.</summary>
    public static void Print(Cg cg, string name, byte[] json)
    {
        if (cg.Json)
            cg.PrintJson(json);
        else
            cg.Out.Line(name);
    }
}
