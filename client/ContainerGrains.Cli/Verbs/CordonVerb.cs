using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

/// <summary>cordon, and uncordon, which is the same call with another method.</summary>
internal class CordonVerb : Verb
{
    private readonly string _method;
    private readonly Argument<string> _host;

    public CordonVerb() : this("cordon", "POST", "Let a host take no new containers; those that are there run on.")
    {
    }

    protected CordonVerb(string name, string method, string summary) : base(name, "HOST", summary, $"cg {name} host-a")
    {
        _method = method;
        _host = AddArgument(Options.Host());
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        byte[] json = cg.Api.Call(_method, $"/hosts/{Escape(parsed.GetValue(_host)!)}/cordon");
        if (cg.Json)
        {
            cg.PrintJson(json);
            return 0;
        }
        ApiCordon cordon = JsonSerializer.Deserialize(json, ApiJson.Default.ApiCordon)!;
        cg.Out.Line($"{cordon.Host} {(cordon.Changed ? "" : "already ")}{(cordon.Cordoned ? "cordoned" : "uncordoned")}");
        return 0;
    }
}
