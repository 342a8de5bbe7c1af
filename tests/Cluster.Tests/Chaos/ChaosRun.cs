using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>What came of a plan.</summary>
/// <param name="Lost">Containers that did not run at one place, count on, and move, with the reason.</param>
/// <param name="Doubled">Containers of which two copies made a step.</param>
/// <param name="KilledInDump">Containers whose silo was killed while it made calls inside of them, and whose record says so.</param>
/// <param name="KilledBeforeThaw">Containers whose target was killed between the commit and the thaw, and whose record says so.</param>
/// <param name="Gaps">For each container the longest time between two steps, and what went wrong then.</param>
/// <param name="IsWhole">The cluster is good for another plan.</param>
internal sealed record ChaosOutcome(IReadOnlyList<string> Lost, IReadOnlyList<string> Doubled, int KilledInDump, int KilledBeforeThaw, int Outcasts, IReadOnlyList<(string During, long Ms)> Gaps, bool IsWhole);

/// <summary>One plan, played on a cluster: harm while containers move, healing, and the questions afterwards.</summary>
internal sealed class ChaosRun(LocalCluster cluster, ChaosPlan plan, ChaosLog log)
{
    private const int SIGINT = 2;
    private const string NotMoving = "move";
    // Memory in MiB, and pages that change in a step.
    private static readonly (int Mib, int Pages)[] Sizes = [(4, 8), (64, 500), (32, 2000)];
    private static readonly TimeSpan MovePatience = TimeSpan.FromSeconds(4), JudgePatience = TimeSpan.FromSeconds(60);
    private readonly string[] _names = [.. Enumerable.Range(0, ChaosPlan.Containers).Select(i => $"chaos-{plan.Seed}-{i}")];
    private readonly ChaosHosts _hosts = new(cluster, log);
    private readonly List<(string What, long AtMs)> _happened = [];
    private readonly List<(string What, Command Command)> _calls = [];

    public ChaosOutcome Play()
    {
        using var diaries = new TemporaryDirectory();
        for (int i = 0; i < _names.Length; i++) Start(i, diaries.Path);
        try
        {
            foreach (ChaosEvent happening in plan.Events) Happen(happening);
            bool whole = _hosts.Heal();
            whole &= Uncordon();
            EndCalls();
            return Judge(diaries.Path, whole);
        }
        finally
        {
            _hosts.Finish();
            foreach ((_, Command command) in _calls) command.Dispose();
        }
    }

    private void Start(int container, string diaries)
    {
        string name = _names[container];
        cluster.Run(name, cluster.Hosts[container % cluster.Hosts.Count], ["-v", $"{AppContext.BaseDirectory}workloads:/workloads:ro", "-v", $"{diaries}:/diaries"],
            ["python3", "/workloads/diary.py", $"/diaries/{name}", $"{Sizes[container].Mib}", $"{Sizes[container].Pages}"]);
        cluster.AssertCounts(name);
    }

    private void Happen(ChaosEvent happening)
    {
        string source = WhereItWas(_names[happening.Container]), target = Other(source, happening.Turns[happening.Container]);
        string victim = happening.Role switch
        {
            ChaosRole.Source => source,
            ChaosRole.Target => target,
            _ => cluster.Hosts.Single(h => h != source && h != target),
        };
        // Who speaks for the callers lives through it.
        if (_hosts.Speaker(but: victim) is not { } speaker)
        {
            log.Add($"{happening.What}: nobody is there to move anything");
            return;
        }
        Command? move = null;
        for (int i = 0; i < _names.Length; i++)
        {
            Command started = Call(speaker, "migrate", _names[i], "--to", Other(WhereItWas(_names[i]), happening.Turns[i]));
            if (i == happening.Container) move = started;
        }
        // Where it never stands still, when the move has ended.
        if (happening.InFreeze) Within(MovePatience, () => move!.HasExited || cluster.StandsStill(_names[happening.Container], source, betweenMs: 1), 0);
        Thread.Sleep(happening.AfterMs);
        _happened.Add((happening.What, ChaosLog.NowMs));
        switch (happening.Kind)
        {
            case ChaosKind.Cancel:
                log.Add($"Ctrl-C in the move of {_names[happening.Container]}");
                if (!move!.HasExited) LocalCluster.Signal(move.Pid, SIGINT);
                break;
            case ChaosKind.Drain:
                Call(speaker, "drain", victim);
                break;
            default:
                _hosts.Harm(happening, victim);
                break;
        }
        // The next one may meet moves that still hang.
        for (long start = Environment.TickCount64; Environment.TickCount64 - start < MovePatience.TotalMilliseconds && _calls.Any(c => !c.Command.HasExited);) Thread.Sleep(10);
        foreach ((string What, Command Command) call in _calls.Where(c => c.Command.HasExited).ToArray())
        {
            log.Add($"{call.What}: {Words(call.Command)}");
            call.Command.Dispose();
            _calls.Remove(call);
        }
    }

    private Command Call(string speaker, params string[] arguments)
    {
        string what = $"{speaker}: {string.Join(' ', arguments)}";
        log.Add(what);
        Command command = cluster.StartCgAt(speaker, arguments);
        _calls.Add((what, command));
        return command;
    }

    private static string Words(Command command)
    {
        Ended ended = command.Wait();
        return ended.ExitCode == 0 ? "done" : $"{ended.ExitCode}, {ended.Error.ReplaceLineEndings(" ")}";
    }

    private bool Uncordon() => cluster.Hosts.All(host => Within(JudgePatience, () => cluster.Cg("uncordon", host).ExitCode == 0));

    // Each ends by itself now: the cluster answers again.
    private void EndCalls()
    {
        foreach ((string what, Command command) in _calls)
        {
            if (Within(JudgePatience, () => command.HasExited)) log.Add($"{what}: {Words(command)}");
            else log.Add($"{what}: does not end");
        }
    }

    private ChaosOutcome Judge(string diaries, bool whole)
    {
        List<string> lost = [], doubled = [];
        List<(string, long)> gaps = [];
        int killedInDump = 0, killedBeforeThaw = 0;
        foreach (string name in _names)
        {
            string path = $"{diaries}/{name}";
            string? reason = "";
            if (!Within(JudgePatience, () => (reason = WhyNotAtOnePlace(name, path)) is null || HasExited(name) is not null) || reason is not null)
            {
                ApiContainer? exited = HasExited(name);
                if (exited is not null && WasKilledInDump(exited)) killedInDump++;
                else if (exited is not null && WasKilledBeforeThaw(exited)) killedBeforeThaw++;
                else lost.Add($"{name}: {reason}");
                log.Add($"{name}: {reason}");
            }
            else if (!Within(JudgePatience, () => MovesOn(name, out reason)) || !Within(JudgePatience, () => (reason = WhyNotAtOnePlace(name, path)) is null))
            {
                lost.Add($"{name} does not move any more: {reason}");
            }
            Diary diary = Diary.Read(path);
            if (diary.Doubled() is { Length: > 0 } twice) doubled.Add($"{name}: {twice.Length} steps twice; {string.Join("; ", twice.Take(3))}");
            if (diary.Missing() is { Length: > 0 } missing) lost.Add($"{name}: {string.Join("; ", missing.Take(3))}");
            if (diary.Gaps().FirstOrDefault() is { } gap) gaps.Add((During(gap), gap.Ms));
            log.Add($"{name}: {diary.Steps.Count} steps by {diary.Steps.Select(s => s.Copy).Distinct().Count()} copies, without one for {string.Join(", ", diary.Gaps().Take(3).Select(g => $"{g.Ms} ms from {g.FromMs}"))}");
            if (cluster.Cg("rm", "-f", name) is { ExitCode: not 0 } removal)
            {
                log.Add($"{name} cannot be removed: {removal.Error}");
                whole = false;
            }
        }
        foreach (string what in lost) log.Add($"LOST {what}");
        foreach (string what in doubled) log.Add($"DOUBLED {what}");
        return new ChaosOutcome(lost, doubled, killedInDump, killedBeforeThaw, _hosts.Outcasts, gaps, whole && lost.Count == 0);
    }

    /// <summary>Null when it runs where its record says and nowhere else, and makes steps, of which its output has every one.</summary>
    private string? WhyNotAtOnePlace(string name, string diary)
    {
        long before = new FileInfo(diary).Length;
        if (cluster.Cg("inspect", name, "--json") is not { ExitCode: 0, Out: var text }) return "it cannot be asked";
        ApiContainer container = LocalCluster.Parse<ApiContainer>(text);
        if (container.State != "running" || container.Host is null) return $"it is {container.State} on {container.Host}, {container.ExitCode}/{container.ExitSignal}";
        if (!cluster.Pids(name, container.Host).Contains(container.InitPid)) return $"its processes are not on {container.Host}";
        if (cluster.Hosts.FirstOrDefault(h => h != container.Host && cluster.IsOn(name, h)) is { } other) return $"it is on {container.Host}, and there are processes of it on {other}";
        if (cluster.Cg("logs", name) is not { ExitCode: 0, Out: var output }) return "its output cannot be read";
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // The last line may be half written.
        for (int i = 0; i < lines.Length - 1; i++)
            if (lines[i] != (i + 1).ToString(CultureInfo.InvariantCulture)) return $"line {i} of its output is '{lines[i]}'";
        return Within(TimeSpan.FromSeconds(2), () => new FileInfo(diary).Length > before) ? null : $"it stands still on {container.Host}";
    }

    private bool MovesOn(string name, out string? reason)
    {
        Ended move = cluster.Cg("migrate", name, "--to", Other(WhereItWas(name), 0));
        reason = move.Error.ReplaceLineEndings(" ");
        if (move.ExitCode != 0) log.Add($"{name} does not move yet: {reason}");
        return move.ExitCode == 0;
    }

    private ApiContainer? HasExited(string name) =>
        cluster.Cg("inspect", name, "--json") is { ExitCode: 0 } inspect && LocalCluster.Parse<ApiContainer>(inspect.Out) is { State: "exited" } exited ? exited : null;

    // The two losses that docs/migration-protocol.md names. The next silo found the mark of calls under way, and killed it ...
    private bool WasKilledInDump(ApiContainer exited) =>
        exited.ExitSignal == 9 && SaidOf(exited.Name).Any(l => l.Contains($"Container {exited.Name}, which an earlier silo has left here, is Killed", StringComparison.Ordinal));

    // ... or its last move was to a host whose silo was killed, it belongs to that host, and has never arrived there.
    private bool WasKilledBeforeThaw(ApiContainer exited) =>
        exited is { ExitCode: 255, ExitSignal: null, Host: { } host } && _hosts.HasKilled(host)
        && SaidOf(exited.Name).Where(l => l.Contains(" moves from ", StringComparison.Ordinal) || l.Contains(" arrived on ", StringComparison.Ordinal)).Order(StringComparer.Ordinal).LastOrDefault() is { } last
        && last.Contains($" to {host} (move ", StringComparison.Ordinal);

    private IEnumerable<string> SaidOf(string name) => cluster.Hosts.SelectMany(h => File.ReadLines(cluster.SiloLog(h))).Where(l => l.Contains($"Container {name}", StringComparison.Ordinal));

    private string WhereItWas(string name) => cluster.Hosts.FirstOrDefault(h => cluster.IsOn(name, h) && !cluster.IsFrozen(name, h)) ?? cluster.Hosts[0];

    private string Other(string host, int turn) => cluster.Hosts.Where(h => h != host).ElementAt(turn);

    // The first thing that went wrong within it, or else the last before it.
    private string During(Diary.Gap gap) =>
        _happened.Where(h => h.AtMs >= gap.FromMs && h.AtMs <= gap.ToMs).Select(h => h.What).FirstOrDefault()
        ?? _happened.Where(h => h.AtMs < gap.FromMs).Select(h => h.What).LastOrDefault() ?? NotMoving;

    private static bool Within(TimeSpan patience, Func<bool> condition, int pauseMs = 50)
    {
        for (long start = Environment.TickCount64; !condition(); Thread.Sleep(pauseMs))
            if (Environment.TickCount64 - start > patience.TotalMilliseconds) return false;
        return true;
    }
}
