using System.Diagnostics;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.Client;

namespace ContainerGrains.Benchmarks.Cluster;

/// <summary>The list of one running container, as a person asks for it: a whole command each time.</summary>
internal sealed class PsBench(BenchOptions options, Report report, TwoSilos? silos) : IBench
{
    private const string Section = "ps";
    private const string Name = "cg-bench-ps";
    private const int WarmUpRounds = 3;

    public void Run(CancellationToken cancellationToken)
    {
        Measurement floor = report.Add(Section, "cg version, no silo", "ms", "start of the native program; the floor of every cg command");
        Measurement ps = report.Add(Section, "cg ps", "ms", "the floor, a Unix socket, and the cluster's list in the silo");
        Measurement podman = report.Add(Section, "podman ps", "ms", "start of podman, its database and its locks", isPeer: true);
        string? cgMissing = TwoSilos.Missing ?? (File.Exists(BenchPaths.Cg) ? null : $"missing: cg is not built ({BenchPaths.Cg}); ./dev bench builds it");
        if (cgMissing is not null) floor.Missing = ps.Missing = cgMissing;
        string? podmanPath = BenchPaths.Find("podman");
        if (podmanPath is null) podman.Missing = "missing: podman is not installed";
        using var scratch = new Scratch();
        // Podman wants a short path for its sockets.
        using var run = new Scratch("/run");
        string[] store = ["--root", $"{scratch.Path}/podman", "--runroot", run.Path, "--runtime", "runc"];
        ContainerHandle? container = null;
        try
        {
            if (silos is not null)
                container = silos.Cluster.RunAsync(Name, new ContainerSpec { Args = ["sleep", "infinity"] }, cancellationToken).GetAwaiter().GetResult();
            if (podmanPath is not null) StartPodman(podmanPath, store, podman);
            Interleaving.Run(
            [
                new Contender(floor, () => Time(BenchPaths.Cg, ["--socket", $"{scratch.Path}/none", "version"], "client")),
                new Contender(ps, () => Time(BenchPaths.Cg, ["--socket", silos!.Silos[0].ApiSocket, "ps"], Name)),
                new Contender(podman, () => Time(podmanPath!, [.. store, "ps"], Name)),
            ], options.Commands, WarmUpRounds, cancellationToken);
        }
        finally
        {
            container?.DeleteAsync(force: true).GetAwaiter().GetResult();
            if (podmanPath is not null && podman.Missing is null) Command.Run(podmanPath, [.. store, "rm", "--force", "--time", "0", Name]);
        }
    }

    // A store of its own, and the machine's root as ours has it: no image is needed. Its own default limits are more than a
    // machine's root may always set.
    private static void StartPodman(string podman, string[] store, Measurement measurement)
    {
        try
        {
            Command.Run(podman, [.. store, "run", "--detach", "--name", Name, "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--rootfs", "/:O", "sleep", "infinity"]);
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
            measurement.Missing = $"does not work here: {e.Message}";
        }
    }

    private static double Time(string program, IReadOnlyList<string> arguments, string expected)
    {
        long start = Stopwatch.GetTimestamp();
        byte[] output = Command.Run(program, arguments);
        double ms = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (!System.Text.Encoding.UTF8.GetString(output).Contains(expected, StringComparison.Ordinal)) throw new InvalidDataException($"{Path.GetFileName(program)} did not say '{expected}'");
        return ms;
    }
}
