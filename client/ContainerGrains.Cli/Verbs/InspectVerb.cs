using System.CommandLine;
using System.Globalization;
using System.Text;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class InspectVerb : Verb
{
    private readonly Argument<string> _name;

    public InspectVerb() : base("inspect", "NAME", "Show all there is to know of a container.", "cg inspect web", "cg inspect web --json | jq .processes") =>
        _name = AddArgument(Options.Name());

    public override int Run(ParseResult parsed, Cg cg)
    {
        string path = $"/containers/{Escape(parsed.GetValue(_name)!)}";
        if (cg.Json)
            cg.PrintJson(cg.Api.Call("GET", path));
        else
            cg.Out.Write(ToText(cg.Api.Get(path, ApiJson.Default.ApiContainer)));
        return 0;
    }

    private static string ToText(ApiContainer c)
    {
        var text = new StringBuilder();
        Line(text, "name", c.Name);
        Line(text, "state", c.ExitCode is { } exit ? $"{c.State} with {exit}{(c.ExitSignal is { } signal ? $" ({Signals.NameOf(signal)})" : "")}" : c.State);
        Line(text, "host", c.Host);
        Line(text, "address", c.Address);
        Line(text, "pidspace", c.Pidspace == 0 ? null : c.Pidspace.ToString(CultureInfo.InvariantCulture));
        Line(text, "generation", c.Generation.ToString(CultureInfo.InvariantCulture));
        Line(text, "created", Time(c.CreatedAt));
        Line(text, "started", c.StartedAt is { } started ? Time(started) : null);
        Line(text, "init", c.InitPid == 0 ? null : c.InitPid.ToString(CultureInfo.InvariantCulture));
        Line(text, "move", c.MigrationId);
        Line(text, "checkpoint", c.LastCheckpoint);
        foreach (string warning in c.Warnings)
            Line(text, "warning", warning);
        AppendSpec(text, c.Spec);
        if (c.Processes is { Count: > 0 } processes)
            text.Append('\n').Append(TopVerb.ToTable(processes));
        return text.ToString();
    }

    private static void AppendSpec(StringBuilder text, ApiSpec spec)
    {
        Line(text, "command", Human.Command(spec.Args));
        Line(text, "rootfs", spec.Rootfs);
        Line(text, "workdir", spec.WorkingDirectory);
        Line(text, "user", spec.User);
        Line(text, "hostname", spec.Hostname);
        Line(text, "memory limit", spec.Limits.MemoryBytes is { } memory ? Human.Bytes(memory) : null);
        Line(text, "cpu limit", spec.Limits.Cpus?.ToString(CultureInfo.InvariantCulture));
        Line(text, "pids limit", spec.Limits.Pids?.ToString(CultureInfo.InvariantCulture));
        foreach (string variable in spec.Env)
            Line(text, "env", variable);
        foreach (ApiVolume volume in spec.Volumes)
            Line(text, "volume", $"{volume.Source}:{volume.Target}{(volume.ReadOnly ? ":ro" : "")}");
        foreach ((string key, string value) in spec.Labels)
            Line(text, "label", $"{key}={value}");
    }

    private static void Line(StringBuilder text, string key, string? value)
    {
        if (value is not null)
            text.Append(key.PadRight(15)).Append(value).Append('\n');
    }

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
