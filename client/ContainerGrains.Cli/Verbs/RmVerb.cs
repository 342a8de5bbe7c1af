using System.CommandLine;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class RmVerb : ManyVerb
{
    private readonly Option<bool> _force;

    public RmVerb() : base("rm", "[OPTIONS] NAME...", "Remove containers, with their files and checkpoints.", "cg rm web", "cg rm -f web db") =>
        _force = Add(Options.Flag("Kill them first if they run; no error if there are none.", "--force", "-f"));

    protected override NameResult? Do(string name, ParseResult parsed, Cg cg)
    {
        bool force = parsed.GetValue(_force);
        try
        {
            _ = cg.Api.Call("DELETE", $"/containers/{Escape(name)}?force={(force ? "true" : "false")}");
            return new NameResult(name, null);
        }
        catch (CgException e) when (force && e.Code == ApiErrorCode.NotFound)
        {
            // As podman: who forces wants it gone, and it is.
            return null;
        }
    }
}
