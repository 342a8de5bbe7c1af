using System.CommandLine;

namespace ContainerGrains.Cli.Verbs;

internal sealed class StartVerb() : ManyVerb("start", "NAME...", "Start containers that were created.", "cg start web")
{
    protected override NameResult Do(string name, ParseResult parsed, Cg cg)
    {
        _ = cg.Api.Call("POST", $"/containers/{Escape(name)}/start");
        return new NameResult(name, null);
    }
}
