using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class TranslateVerb : Verb
{
    private readonly Argument<int> _pid;
    private readonly Option<string> _from;
    private readonly Option<string> _to;

    public TranslateVerb() : base("translate", "PID --from CONTEXT --to CONTEXT", "Say what a pid of one context is in another (host, host:NAME, a container, outer/inner).",
        "cg translate 1 --from web --to host", "cg translate 24811 --from host:host-b --to web")
    {
        _pid = AddArgument(new Argument<int>("PID") { Description = "The pid as the first context has it." });
        _from = Add(Options.Value<string>("CONTEXT", "Where the pid is from; default host.", "--from"));
        _to = Add(Options.Value<string>("CONTEXT", "Where it is to be known; default host.", "--to"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string query = $"/translate?pid={parsed.GetValue(_pid)}&from={Escape(parsed.GetValue(_from) ?? "host")}&to={Escape(parsed.GetValue(_to) ?? "host")}";
        byte[] json = cg.Api.Call("GET", query);
        CreateVerb.Print(cg, cg.Json ? "" : JsonSerializer.Deserialize(json, ApiJson.Default.ApiTranslation)!.Result.ToString(CultureInfo.InvariantCulture), json);
        return 0;
    }
}
