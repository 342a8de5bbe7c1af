using System.CommandLine;
using ContainerGrains.Api;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class StopVerb : ManyVerb
{
    private static readonly TimeSpan DefaultGrace = TimeSpan.FromSeconds(10);

    private readonly Option<string?> _time;

    public StopVerb() : base("stop", "[OPTIONS] NAME...", "Stop containers: their stop signal, and after a while SIGKILL.", "cg stop web", "cg stop -t 5 web db") =>
        _time = Add(Options.Value<string?>("SECONDS", "How long they have to end by themselves; default 10.", "--time", "-t"));

    protected override NameResult Do(string name, ParseResult parsed, Cg cg)
    {
        TimeSpan grace = parsed.GetValue(_time) is { } text ? Durations.Parse(text, "--time") : DefaultGrace;
        ApiExit exit = cg.Api.Post($"/containers/{Escape(name)}/stop?timeoutMs={(long)grace.TotalMilliseconds}", ApiJson.Default.ApiExit);
        return new NameResult(name, exit.ShellCode);
    }
}
