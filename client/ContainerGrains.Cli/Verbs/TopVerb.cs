using System.CommandLine;
using System.Globalization;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class TopVerb : Verb
{
    private const int CommandWidth = 60;

    private readonly Argument<string> _name;

    public TopVerb() : base("top", "NAME", "List a container's processes: virtual pid, real pid, pidspace, packed pid.", "cg top web") =>
        _name = AddArgument(Options.Name());

    public override int Run(ParseResult parsed, Cg cg)
    {
        string path = $"/containers/{Escape(parsed.GetValue(_name)!)}/processes";
        if (cg.Json)
            cg.PrintJson(cg.Api.Call("GET", path));
        else
            cg.Out.Write(ToTable(cg.Api.Get(path, ApiJson.Default.IReadOnlyListApiProcess)));
        return 0;
    }

    public static string ToTable(IReadOnlyList<ApiProcess> processes)
    {
        var table = new Table(">VPID", ">PPID", ">PID", ">PIDSPACE", ">PACKED", ">USER", "S", ">THREADS", ">MEMORY", ">CPU", "COMMAND");
        foreach (ApiProcess p in processes)
        {
            table.Row(Number(p.VirtualPid), Number(p.ParentVirtualPid), Number(p.RealPid), Number(p.Pidspace),
                p.PackedPid?.ToString(CultureInfo.InvariantCulture) ?? "-", Number(p.User), p.State, Number(p.Threads), Human.Bytes(p.ResidentBytes),
                Human.Seconds(p.CpuSeconds), Human.Cut(p.CommandLine.Count > 0 ? Human.Command(p.CommandLine) : $"[{p.Comm}]", CommandWidth));
        }
        return table.ToString();
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
