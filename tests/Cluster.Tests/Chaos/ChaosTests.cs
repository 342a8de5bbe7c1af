using System.Globalization;
using System.Text;

namespace ContainerGrains.Cluster.Tests;

/// <summary>Plans of what may go wrong, drawn from seeds: no container is lost, and none runs twice.</summary>
public sealed class ChaosTests
{
    /// <summary>./dev chaos gives them; without, a few plans that are always the same.</summary>
    private const string PlansVariable = "CG_CHAOS_PLANS", SeedVariable = "CG_CHAOS_SEED";
    private const int Plans = 3, Seed = 1;
    // A log has its times: to be laid beside the plan's, and to be put in order with those of other hosts.
    private static readonly Dictionary<string, string> Logging = new()
    {
        ["Logging__Console__FormatterName"] = "simple",
        ["Logging__Console__FormatterOptions__SingleLine"] = "true",
        ["Logging__Console__FormatterOptions__UseUtcTimestamp"] = "true",
        ["Logging__Console__FormatterOptions__TimestampFormat"] = "yyyy-MM-ddTHH:mm:ss.fff ",
    };
    private static readonly string Results = $"{Dev.Root}/artifacts/test-results/chaos";

    [Fact]
    public void Whatever_goes_wrong_while_they_move_no_container_is_lost_and_none_runs_twice()
    {
        bool ordered = Environment.GetEnvironmentVariable(PlansVariable) is not null;
        int plans = Number(PlansVariable, Plans), seed = Number(SeedVariable, Seed);
        Directory.CreateDirectory(Results);
        var report = new ChaosReport();
        var failures = new StringBuilder();
        LocalCluster? cluster = null;
        try
        {
            for (int i = 0; i < plans; i++)
            {
                if (cluster is null)
                {
                    cluster = new LocalCluster(3, Logging);
                    if (i > 0) report.FreshClusters++;
                }
                ChaosPlan plan = ChaosPlan.Draw(seed + i);
                var log = new ChaosLog();
                foreach (ChaosEvent happening in plan.Events) log.Add($"seed {plan.Seed}: {happening}");
                ChaosOutcome? outcome = null;
                try
                {
                    outcome = new ChaosRun(cluster, plan, log).Play();
                }
                catch (Exception e)
                {
                    log.Add($"the plan could not be played to its end: {e}");
                    throw;
                }
                finally
                {
                    File.WriteAllText($"{Results}/seed-{plan.Seed}.log", log.ToString());
                    if (outcome is not { Lost.Count: 0, Doubled.Count: 0 }) failures.Append(CultureInfo.InvariantCulture, $"{log}{Tails(cluster, plan.Seed)}");
                    if (outcome is null) Console.Error.Write(failures);
                }
                report.Add(outcome);
                if (ordered) Console.WriteLine($"seed {plan.Seed}: {string.Join(", ", plan.Events.Select(e => e.What))}: lost {outcome.Lost.Count}, doubled {outcome.Doubled.Count}, longest {outcome.Gaps.Select(g => g.Ms).DefaultIfEmpty().Max()} ms");
                if (!outcome.IsWhole)
                {
                    cluster.Dispose();
                    cluster = null;
                }
            }
        }
        finally
        {
            cluster?.Dispose();
            File.WriteAllText($"{Results}/summary", $"{report.Table()}{report}\n");
        }
        Assert.True(report is { Lost: 0, Doubled: 0 }, $"{report}\n{failures}");
    }

    [Fact]
    public void A_seed_is_always_the_same_plan()
    {
        for (int seed = 0; seed < 50; seed++) Assert.Equal(ChaosPlan.Draw(seed).Events.Select(e => $"{e} {string.Join(' ', e.Turns)}"), ChaosPlan.Draw(seed).Events.Select(e => $"{e} {string.Join(' ', e.Turns)}"));
        Assert.True(Enumerable.Range(0, 50).SelectMany(s => ChaosPlan.Draw(s).Events).Select(e => e.What).Distinct().Count() > 10);
    }

    [Fact]
    public void A_step_of_two_copies_a_missing_one_and_a_standstill_are_seen_in_a_diary()
    {
        Assert.Empty(new Diary(["1 10 a", "2 20 a", "3 30 b"]).Doubled());
        Assert.Empty(new Diary(["1 10 a", "2 20 a", "3 30 b"]).Missing());
        Assert.Equal(["step 2: by a at 20, by b at 25"], new Diary(["1 10 a", "2 20 a", "2 25 b", "3 30 b"]).Doubled());
        Assert.Equal(["after step 1 comes 3"], new Diary(["1 10 a", "3 30 a"]).Missing());
        Assert.Equal(["after step 0 comes 2"], new Diary(["2 10 a"]).Missing());
        Assert.Equal(new Diary.Gap(20, 90), new Diary(["1 10 a", "2 20 a", "3 90 b", "4 100 b"]).Gaps().First());
    }

    // What the silos said of the containers of a plan; the whole is kept in silo-logs.
    private static string Tails(LocalCluster cluster, int seed)
    {
        const int lines = 60;
        var tails = new StringBuilder();
        foreach (string host in cluster.Hosts)
        {
            tails.AppendLine(CultureInfo.InvariantCulture, $"== artifacts/test-results/silo-logs/{cluster.Name}-{host}.log");
            foreach (string line in File.ReadLines(cluster.SiloLog(host)).Where(l => l.Contains($"chaos-{seed}-", StringComparison.Ordinal)).TakeLast(lines)) tails.AppendLine(line);
        }
        return tails.ToString();
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
