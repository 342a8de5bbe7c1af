using System.CommandLine;
using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Http;
using ContainerGrains.Cli.Output;
using ContainerGrains.Cli.Parsing;

namespace ContainerGrains.Cli.Verbs;

internal sealed class MigrateVerb : Verb
{
    private const int ObstaclesExit = 1;
    private const string ClearLine = "\r\x1b[K";

    private readonly Argument<string> _name;
    private readonly Option<string?> _to;
    private readonly Option<bool> _dryRun;
    private readonly Option<int?> _maxRounds;
    private readonly Option<string?> _freezeBudget;
    private readonly Option<string?> _freezeTimeout;

    public MigrateVerb() : base("migrate", "[OPTIONS] NAME", "Move a running container to another host; Ctrl-C stops the move as long as that is possible.",
        "cg migrate web --to host-b", "cg migrate web --dry-run", "cg migrate web --json | jq .freezeMs")
    {
        _name = AddArgument(Options.Name());
        _to = Add(Options.Value<string?>("HOST", "Where to; default the cluster chooses.", "--to"));
        _dryRun = Add(Options.Flag("Only say what would stop the move (exit code 1 if something would).", "--dry-run"));
        _maxRounds = Add(Options.Value<int?>("NUMBER", "Most pre-copy rounds before the freeze.", "--max-rounds"));
        _freezeBudget = Add(Options.Value<string?>("SECONDS", "A freeze that is short enough (20ms): rounds end when it is expected, or cannot be had.", "--freeze-budget"));
        _freezeTimeout = Add(Options.Value<string?>("SECONDS", "Longest freeze; past it the container runs on where it was.", "--freeze-timeout"));
    }

    public override int Run(ParseResult parsed, Cg cg)
    {
        string path = $"/containers/{Escape(parsed.GetValue(_name)!)}/migrate";
        var request = new ApiMigrateRequest
        {
            To = parsed.GetValue(_to),
            DryRun = parsed.GetValue(_dryRun),
            MaxRounds = parsed.GetValue(_maxRounds),
            FreezeBudgetMs = parsed.GetValue(_freezeBudget) is { } budget ? (int)Durations.Parse(budget, "--freeze-budget").TotalMilliseconds : null,
            FreezeTimeoutMs = parsed.GetValue(_freezeTimeout) is { } text ? (int)Durations.Parse(text, "--freeze-timeout").TotalMilliseconds : null,
        };
        using IDisposable interrupt = cg.Surroundings.OnSignal(Signals.SIGINT, _ => Cancel(cg, path));
        using IDisposable terminate = cg.Surroundings.OnSignal(Signals.SIGTERM, _ => Cancel(cg, path));
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(request, ApiJson.Default.ApiMigrateRequest);
        ApiMigration report = !cg.Json && cg.Surroundings.ErrorIsTerminal() && !request.DryRun
            ? MoveWithProgress(cg, path, body)
            : Move(cg, path, body);
        if (!cg.Json)
            cg.Out.Write(ToText(report));
        cg.Warn(report.Warnings);
        return report.Obstacles.Count > 0 ? ObstaclesExit : 0;
    }

    private static ApiMigration Move(Cg cg, string path, byte[] body)
    {
        byte[] json = cg.Api.Call("POST", path, body);
        if (cg.Json)
            cg.PrintJson(json);
        return JsonSerializer.Deserialize(json, ApiJson.Default.ApiMigration)!;
    }

    private static ApiMigration MoveWithProgress(Cg cg, string path, byte[] body)
    {
        try
        {
            foreach (ApiMigrationEvent e in cg.Api.Lines("POST", $"{path}?progress=true", body, ApiJson.Default.ApiMigrationEvent))
            {
                if (e.Error is { } error)
                    throw CgException.Of(error);
                if (e.Report is { } report)
                    return report;
                if (e.Progress is { } progress)
                    cg.Err.Write(ClearLine + ToLine(progress));
            }
        }
        finally
        {
            cg.Err.Write(ClearLine);
        }
        throw new ConnectionLostException(cg.Api.SocketPath);
    }

    /// <summary>Asks for the move's end; its own call, which goes on, then says what became of it.</summary>
    private static void Cancel(Cg cg, string path)
    {
        try
        {
            bool cancelled = cg.Api.Post($"{path}/cancel", ApiJson.Default.ApiCancelled).Cancelled;
            if (!cg.Json)
                cg.Err.Line(cancelled ? "cg: stopping the move; the container stays where it was." : "cg: too late to stop the move; waiting for its end.");
        }
        catch (Exception e) when (e is CgException or ConnectionLostException)
        {
            if (!cg.Json)
                cg.Err.Line($"cg: the move could not be stopped: {e.Message}");
        }
    }

    private static string ToLine(ApiProgress p)
    {
        string rounds = p.Rounds.Count == 0 ? "" : $"  round {p.Rounds[^1].Round}: {Human.Count(p.Rounds[^1].DirtyPages)} dirty pages";
        string freeze = p.PredictedFreezeMs is { } freezeMs ? $"  freeze about {Human.Ms(freezeMs)}" : "";
        string eta = p.EtaMs is { } etaMs ? $"  {Human.Ms(etaMs)} to go" : "";
        return $"{p.Name}: {p.From} → {p.To}  {p.Stage}{rounds}  {Human.Bytes(p.BytesSent)} sent{freeze}{eta}";
    }

    private static string ToText(ApiMigration report)
    {
        if (report.DryRun)
        {
            return report.Obstacles.Count == 0
                ? $"{report.Name} could move from {report.From} to {report.To}.\n"
                : $"{report.Name} cannot move from {report.From} to {report.To}:\n"
                    + string.Concat(report.Obstacles.Select(o => $"  {(o.VirtualPid == 0 ? "" : $"process {o.VirtualPid} ({o.Process}), ")}{o.Object}: {o.Reason}; {o.Remedy}\n"));
        }
        var table = new Table(">ROUND", ">DIRTY PAGES", ">BYTES", ">MS");
        foreach (ApiRound round in report.Rounds)
            table.Row(Human.Count(round.Round), Human.Count(round.DirtyPages), Human.Bytes(round.Bytes), Human.Ms(round.Ms));
        table.Row("freeze", Human.Count(report.FinalPages), "", Human.Ms(report.FreezeMs));
        return $"{report.Name} moved from {report.From} to {report.To} in {Human.Ms(report.TotalMs)}, frozen {Human.Ms(report.FreezeMs)}, "
            + $"{Human.Bytes(report.Bytes)}, generation {report.Generation}\n{table}";
    }
}
