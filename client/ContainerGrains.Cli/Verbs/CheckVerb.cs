using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class CheckVerb : Verb
{
    private const int MissingExit = 1;

    private readonly Option<string?> _host;

    public CheckVerb() : base("check", "[OPTIONS]", "Say whether a host can do the job and what is missing (exit code 1 if something is).", "cg check", "cg check --host host-b") =>
        _host = Add(Options.Value<string?>("HOST", "The host; default the one that answers.", "--host"));

    public override int Run(ParseResult parsed, Cg cg)
    {
        byte[] json = cg.Api.Call("GET", parsed.GetValue(_host) is { } host ? $"/check?host={Escape(host)}" : "/check");
        ApiCheckReport report = JsonSerializer.Deserialize(json, ApiJson.Default.ApiCheckReport)!;
        if (cg.Json)
            cg.PrintJson(json);
        else
            cg.Out.Write(ToText(report));
        return report.Ok ? 0 : MissingExit;
    }

    private static string ToText(ApiCheckReport report)
    {
        var table = new Table("", "CHECK", "FOUND");
        foreach (ApiCheck check in report.Checks)
            table.Row(check.Ok ? "ok" : check.Required ? "MISSING" : "absent", check.Name, check.Ok || check.Remedy.Length == 0 ? check.Detail : $"{check.Detail}; {check.Remedy}");
        return $"{table}\n{report.Host} {(report.Ok ? "can hold and move containers." : "lacks what is marked MISSING.")}\n";
    }
}
