using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class DrainVerb : Verb
{
    private const int LeftExit = 1;
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(200);
    private static readonly (string State, string Word)[] Words =
        [("moved", "moved"), ("moving", "moving"), ("waiting", "waiting"), ("stays", "left"), ("notRunning", "not running"), ("gone", "removed")];

    private readonly Argument<string> _host;
    private readonly Option<string?> _deadline;
    private readonly Option<int?> _parallel;
    private readonly Option<bool> _wait;
    private readonly Option<bool> _noWait;
    private readonly Option<bool> _cancel;

    public DrainVerb() : base("drain", "[OPTIONS] HOST", "Cordon a host and move away what runs there (exit code 1 if something is left).",
        "cg drain host-a", "cg drain host-a --deadline 2m --parallel 4", "cg drain host-a --cancel", "cg drain host-a --json | jq '.containers[] | select(.state == \"stays\")'")
    {
        _host = AddArgument(Options.Host());
        _deadline = Add(Options.Value<string?>("SECONDS", "What has not moved by then is left where it is; small containers go first.", "--deadline"));
        _parallel = Add(Options.Value<int?>("NUMBER", "Containers that move at the same time, 1 to 16; default 2.", "--parallel"));
        _wait = Add(Options.Flag("Wait for the end; this is the default.", "--wait"));
        _noWait = Add(Options.Flag("Set it going and return.", "--no-wait"));
        _cancel = Add(Options.Flag("Begin no more moves of a drain under way; the host stays cordoned.", "--cancel"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string path = $"/hosts/{Escape(parsed.GetValue(_host)!)}/drain";
        bool wait = !parsed.GetValue(_noWait);
        if (!wait && parsed.GetValue(_wait))
            throw CgException.Usage("--wait and --no-wait exclude each other.");
        if (parsed.GetValue(_cancel))
            return Cancel(cg, path);
        var request = new ApiDrainRequest
        {
            Parallel = parsed.GetValue(_parallel),
            DeadlineMs = parsed.GetValue(_deadline) is { } text ? (long)Durations.Parse(text, "--deadline").TotalMilliseconds : null,
        };
        byte[] begun = cg.Api.Call("POST", path, request, ApiJson.Default.ApiDrainRequest);
        if (wait)
            return WaitForEnd(cg, path);
        if (cg.Json)
            cg.PrintJson(begun);
        else
            cg.Out.Line($"{Parse(begun).Host} cordoned, draining");
        return 0;
    }

    private static int Cancel(Cg cg, string path)
    {
        byte[] json = cg.Api.Call("DELETE", path);
        ApiDrain drain = Parse(json);
        if (cg.Json)
            cg.PrintJson(json);
        else
            cg.Out.Line(IsUnderWay(drain) ? $"{drain.Host}: no more moves are begun, {Count(drain, "moving")} under way" : $"{drain.Host} is not being drained");
        return 0;
    }

    /// <summary>Follows the drain, which needs nobody to follow it, to its end.</summary>
    private static int WaitForEnd(Cg cg, string path)
    {
        using var interrupted = new ManualResetEventSlim();
        int signal = 0;
        void Stop(int number)
        {
            signal = number;
            interrupted.Set();
        }
        using IDisposable interrupt = cg.Surroundings.OnSignal(Signals.SIGINT, Stop);
        using IDisposable terminate = cg.Surroundings.OnSignal(Signals.SIGTERM, Stop);
        byte[] json;
        using (var screen = new LiveText(cg.Err, enabled: cg.Surroundings.ErrorIsTerminal() && !cg.Json))
            json = Persistence.Run(cg, heard => Follow(cg, path, screen, interrupted, heard));

        ApiDrain end = Parse(json);
        if (IsUnderWay(end))
        {
            cg.Err.Line($"cg: the drain of {end.Host} goes on; 'cg drain {end.Host} --cancel' stops it, 'cg drain {end.Host}' waits for it again.");
            return 128 + signal;
        }
        if (cg.Json)
            cg.PrintJson(json);
        else
            cg.Out.Write(ToText(end));
        foreach (ApiDrainedContainer container in end.Containers.Where(c => c.State == "stays"))
            cg.Err.Line($"cg: {container.Name} stays on {end.Host}: {container.Reason} [{container.ErrorCode}]");
        if (end.Error is { } error)
            cg.Err.Line($"cg: {error}");
        return end.State == "drained" ? 0 : LeftExit;
    }

    /// <returns>The report at the end, or when a signal came.</returns>
    private static byte[] Follow(Cg cg, string path, LiveText screen, ManualResetEventSlim interrupted, Action heard)
    {
        while (true)
        {
            byte[] json = cg.Api.Call("GET", path);
            heard();
            ApiDrain drain = Parse(json);
            if (!IsUnderWay(drain))
                return json;
            screen.Show(ToLiveText(drain));
            if (interrupted.Wait(LookPeriod))
                return json;
        }
    }

    private static ApiDrain Parse(byte[] json) => JsonSerializer.Deserialize(json, ApiJson.Default.ApiDrain)!;

    private static bool IsUnderWay(ApiDrain drain) => drain.State == "draining";

    private static int Count(ApiDrain drain, string state) => drain.Containers.Count(c => c.State == state);

    private static string Counts(ApiDrain drain) =>
        string.Join(", ", Words.Select(w => (Count: Count(drain, w.State), w.Word)).Where(w => w.Count > 0).Select(w => $"{w.Count} {w.Word}"));

    private static string ToLiveText(ApiDrain drain)
    {
        var table = new Table("MOVING", "TO", "STAGE", ">SENT", ">FREEZE", ">TO GO");
        foreach (ApiDrainedContainer c in drain.Containers.Where(c => c.State == "moving"))
        {
            ApiProgress? p = c.Progress;
            table.Row(c.Name, p?.To ?? "-", p?.Stage ?? "-", p is null ? "-" : Human.Bytes(p.BytesSent),
                p?.PredictedFreezeMs is { } freeze ? $"about {Human.Ms(freeze)}" : "-", p?.EtaMs is { } eta ? Human.Ms(eta) : "-");
        }
        return $"{drain.Host}: {Counts(drain)}{(drain.Cancelled ? "; no more moves are begun" : "")}\n{table}";
    }

    private static string ToText(ApiDrain drain)
    {
        string verdict = $"{drain.Host} is {(drain.State == "drained" ? "drained" : "not drained")}: ";
        if (drain.Containers.Count == 0)
            return $"{verdict}there was no container.\n";
        var table = new Table("NAME", "RESULT", "TO", ">FROZEN", ">TOTAL");
        foreach (ApiDrainedContainer c in drain.Containers)
        {
            bool measured = c.MigrationId is not null;
            table.Row(c.Name, c.State == "notRunning" ? "not running" : c.State, c.To ?? "-", measured ? Human.Ms(c.FreezeMs) : "-", measured ? Human.Ms(c.TotalMs) : "-");
        }
        return $"{table}\n{verdict}{Counts(drain)}.\n";
    }
}
