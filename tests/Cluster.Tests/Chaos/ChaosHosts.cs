using ContainerGrains.Linux;

namespace ContainerGrains.Cluster.Tests;

/// <summary>Does harm to the hosts of a cluster, takes it back after a while, and makes them whole again.</summary>
internal sealed class ChaosHosts(LocalCluster cluster, ChaosLog log)
{
    private const int SIGSTOP = 19, SIGCONT = 18, SIGKILL = 9;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90), Grace = TimeSpan.FromSeconds(10);
    private readonly List<Task> _undone = [];
    private readonly HashSet<string> _throttled = [];
    private readonly HashSet<(ChaosKind Kind, string Host)> _harmed = [];
    private readonly Lock _reviving = new();
    private readonly HashSet<string> _killed = [];

    /// <summary>Silos that lived but that the others had declared dead: they were killed and started again, as an operator would.</summary>
    public int Outcasts { get; private set; }

    /// <summary>One whose silo lives and was not harmed, and so can speak; null when there is none.</summary>
    public string? Speaker(string? but)
    {
        lock (_harmed) return cluster.Hosts.FirstOrDefault(h => h != but && cluster.IsSiloAlive(h) && cluster.IsServing(h) && !_harmed.Any(d => d.Host == h && d.Kind != ChaosKind.Throttle));
    }

    /// <summary>Whether the plan has killed a silo of this host.</summary>
    public bool HasKilled(string host) => _killed.Contains(host);

    public void Harm(ChaosEvent what, string host)
    {
        lock (_harmed) _harmed.Add((what.Kind, host));
        switch (what.Kind)
        {
            case ChaosKind.Kill:
                _killed.Add(host);
                Signal(host, SIGKILL);
                break;
            case ChaosKind.Silence: Signal(host, SIGSTOP); break;
            case ChaosKind.Unplug: cluster.Link(host, up: false); break;
            case ChaosKind.Throttle: Throttle(host, what.Megabits); break;
            default: throw new ArgumentOutOfRangeException(nameof(what));
        }
        log.Add($"{what.Kind} {host}");
        _undone.Add(UndoAsync(what, host));
    }

    /// <summary>Waits until nothing of it is to come any more, whether it went well or not.</summary>
    public void Finish() => Task.WhenAll(_undone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();

    /// <summary>All harm is taken back, and the hosts know each other again; false when they do not.</summary>
    public bool Heal()
    {
        Task.WaitAll(_undone);
        _undone.Clear();
        foreach (string host in cluster.Hosts)
        {
            cluster.Link(host, up: true);
            Throttle(host, 0);
            if (cluster.IsSiloAlive(host)) Signal(host, SIGCONT);
        }
        long begin = Environment.TickCount64, changed = begin;
        while (true)
        {
            foreach (string host in cluster.Hosts.Where(h => !cluster.IsSiloAlive(h)))
            {
                Revive(host);
                changed = Environment.TickCount64;
            }
            string[] outcasts = [.. cluster.Hosts.Where(IsOutcast)];
            if (outcasts.Length == 0) break;
            if (Environment.TickCount64 - begin > Patience.TotalMilliseconds)
            {
                log.Add($"not whole after {Patience.TotalSeconds} s: {string.Join(", ", outcasts)}");
                return false;
            }
            if (Environment.TickCount64 - changed > Grace.TotalMilliseconds)
            {
                Outcasts++;
                log.Add($"{outcasts[0]} is not a member and will not be: killed");
                Signal(outcasts[0], SIGKILL);
                Wait.Until(() => !cluster.IsSiloAlive(outcasts[0]), $"the silo of {outcasts[0]} is dead");
            }
            Thread.Sleep(100);
        }
        lock (_harmed) _harmed.Clear();
        log.Add("whole again");
        return true;
    }

    // Some other host, or the host itself, does not count it as a member.
    private bool IsOutcast(string host) => cluster.Hosts.Any(witness =>
        cluster.CgAt(witness, "hosts", "--json") is not { ExitCode: 0 } hosts || !LocalCluster.Parse<ApiHost[]>(hosts.Out).Any(h => h.Name == host && h.State == "Active"));

    private async Task UndoAsync(ChaosEvent what, string host)
    {
        await Task.Delay(what.LastsMs);
        switch (what.Kind)
        {
            case ChaosKind.Kill: Revive(host); break;
            case ChaosKind.Silence: Signal(host, SIGCONT); break;
            case ChaosKind.Unplug: cluster.Link(host, up: true); break;
            case ChaosKind.Throttle: Throttle(host, 0); break;
        }
        log.Add($"end of {what.Kind} {host}");
        lock (_harmed) _harmed.Remove((what.Kind, host));
    }

    // Two that begin at once would each start a silo of the host.
    private void Revive(string host)
    {
        lock (_reviving)
        {
            if (cluster.IsSiloAlive(host)) return;
            using Command reviving = cluster.StartReviving(host);
            // That it is a member by then is seen later; its start is all that is wanted now.
            Wait.Until(() => cluster.IsSiloAlive(host) || reviving.HasExited, $"a silo of {host} is started");
            log.Add($"{host} is started");
        }
    }

    private void Throttle(string host, int megabits)
    {
        lock (_throttled)
        {
            bool was = !_throttled.Add(host);
            if (megabits > 0 || was) cluster.Throttle(host, megabits);
            if (megabits == 0) _throttled.Remove(host);
        }
    }

    private void Signal(string host, int signal)
    {
        if (cluster.IsSiloAlive(host)) _ = Kernel.Raw(Syscall.kill, cluster.SiloPid(host), signal);
    }
}
