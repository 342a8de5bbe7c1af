using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class StatsVerb : Verb
{
    private const string ClearScreen = "\x1b[H\x1b[J";
    private static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(1);

    private readonly Argument<string[]> _names;
    private readonly Option<bool> _noStream;
    private readonly Option<string?> _interval;

    public StatsVerb() : base("stats", "[OPTIONS] [NAME...]", "Show the use of CPU, memory and network; every second on a terminal.", "cg stats", "cg stats --no-stream web", "cg stats --json web")
    {
        _names = AddArgument(new Argument<string[]>("NAME") { Description = "Default all that run.", Arity = ArgumentArity.ZeroOrMore });
        _noStream = Add(Options.Flag("Only once.", "--no-stream"));
        _interval = Add(Options.Value<string?>("SECONDS", "Between two looks; default 1.", "--interval", "-i"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string[] names = parsed.GetValue(_names) ?? [];
        TimeSpan interval = parsed.GetValue(_interval) is { } text ? Durations.Parse(text, "--interval") : DefaultInterval;
        bool terminal = cg.Surroundings.OutIsTerminal();
        bool once = parsed.GetValue(_noStream) || !terminal;
        var before = new Dictionary<string, double>(StringComparer.Ordinal);
        long then = 0;
        while (true)
        {
            long now = cg.Surroundings.Time.GetTimestamp();
            List<ApiStats> stats = Read(cg, names);
            if (cg.Json)
                cg.Out.Line(JsonSerializer.Serialize(stats, ApiJson.Relaxed.IReadOnlyListApiStats));
            else
                cg.Out.Write((once ? "" : ClearScreen) + ToTable(stats, before, then == 0 ? null : cg.Surroundings.Time.GetElapsedTime(then, now)));
            if (once)
                return 0;
            before = stats.ToDictionary(s => s.Name, s => s.CpuSeconds, StringComparer.Ordinal);
            then = now;
            Thread.Sleep(interval);
        }
    }

    private static List<ApiStats> Read(Cg cg, string[] names)
    {
        bool named = names.Length > 0;
        if (!named)
            names = [.. cg.Api.Get("/containers", ApiJson.Default.IReadOnlyListApiContainer).Select(c => c.Name)];
        var all = new List<ApiStats>();
        foreach (string name in names)
        {
            try
            {
                all.Add(cg.Api.Get($"/containers/{Escape(name)}/stats", ApiJson.Default.ApiStats));
            }
            catch (CgException e) when (!named && e.Code is ApiErrorCode.NotFound or ApiErrorCode.WrongPhase)
            {
                // It has ended since it was listed.
            }
        }
        return all;
    }

    private static string ToTable(List<ApiStats> stats, Dictionary<string, double> before, TimeSpan? elapsed)
    {
        var table = new Table("NAME", ">CPU %", ">CPU TIME", ">MEMORY", ">LIMIT", ">PROCESSES", ">THREADS", ">RECEIVED", ">SENT");
        foreach (ApiStats s in stats)
        {
            string percent = elapsed is { TotalSeconds: > 0 } time && before.TryGetValue(s.Name, out double cpu)
                ? (100 * (s.CpuSeconds - cpu) / time.TotalSeconds).ToString("0.0", CultureInfo.InvariantCulture)
                : "-";
            table.Row(s.Name, percent, Human.Seconds(s.CpuSeconds), Human.Bytes(s.MemoryBytes), s.MemoryLimitBytes is { } limit ? Human.Bytes(limit) : "-",
                s.Processes.ToString(CultureInfo.InvariantCulture), s.Threads.ToString(CultureInfo.InvariantCulture), Human.Bytes(s.ReceivedBytes), Human.Bytes(s.SentBytes));
        }
        return table.ToString();
    }
}
