using System.CommandLine;
using System.Globalization;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class PsVerb : Verb
{
    private const int CommandWidth = 40;

    private readonly Option<bool> _all;
    private readonly Option<bool> _quiet;
    private readonly Option<bool> _noTrunc;

    public PsVerb() : base("ps", "[OPTIONS]", "List the cluster's containers; those that run, unless -a is given.", "cg ps", "cg ps -a --json", "cg rm -f $(cg ps -aq)")
    {
        _all = Add(Options.Flag("Also those that do not run.", "--all", "-a"));
        _quiet = Add(Options.Flag("Only their names.", "--quiet", "-q"));
        _noTrunc = Add(Options.Flag("The whole command.", "--no-trunc"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string path = parsed.GetValue(_all) ? "/containers?all=true" : "/containers";
        if (cg.Json)
        {
            cg.PrintJson(cg.Api.Call("GET", path));
            return 0;
        }
        IReadOnlyList<ApiContainer> containers = cg.Api.Get(path, ApiJson.Default.IReadOnlyListApiContainer);
        if (parsed.GetValue(_quiet))
            cg.Out.Write(string.Concat(containers.Select(c => c.Name + "\n")));
        else
            cg.Out.Write(ToTable(containers, cg.Surroundings.Time.GetUtcNow(), parsed.GetValue(_noTrunc) ? int.MaxValue : CommandWidth));
        return 0;
    }

    private static string ToTable(IReadOnlyList<ApiContainer> containers, DateTimeOffset now, int commandWidth)
    {
        var table = new Table("NAME", "STATE", "HOST", "ADDRESS", ">PIDSPACE", ">GENERATION", "CREATED", "COMMAND");
        foreach (ApiContainer c in containers)
        {
            table.Row(c.Name, c.ExitCode is { } exit ? $"{c.State} ({exit})" : c.State, c.Host ?? "-", c.Address ?? "-",
                c.Pidspace == 0 ? "-" : c.Pidspace.ToString(CultureInfo.InvariantCulture), c.Generation.ToString(CultureInfo.InvariantCulture),
                Human.Ago(c.CreatedAt, now), Human.Cut(Human.Command(c.Spec.Args), commandWidth));
        }
        return table.ToString();
    }
}
