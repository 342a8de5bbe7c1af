using System.CommandLine;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class KillVerb : ManyVerb
{
    private readonly Option<string> _signal;
    private readonly Option<int?> _pid;

    public KillVerb() : base("kill", "[OPTIONS] NAME...", "Send a signal to containers.", "cg kill web", "cg kill -s HUP web", "cg kill -s USR1 --pid 7 web")
    {
        _signal = Add(Options.Value<string>("SIGNAL", "A name or a number; default KILL.", "--signal", "-s"));
        _pid = Add(Options.Value<int?>("VPID", "The process, by its virtual pid; default 1.", "--pid"));
    }

    protected override NameResult Do(string name, ParseResult parsed, Cg cg)
    {
        int signal = Signals.Parse(parsed.GetValue(_signal) ?? "KILL");
        _ = cg.Api.Call("POST", $"/containers/{Escape(name)}/kill?signal={signal}&pid={parsed.GetValue(_pid) ?? 1}");
        return new NameResult(name, null);
    }
}
