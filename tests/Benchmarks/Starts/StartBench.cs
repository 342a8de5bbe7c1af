using System.Diagnostics;
using System.Text.Json.Nodes;
using ContainerGrains.Benchmarks.Harness;
using ContainerGrains.Engine;
using ContainerGrains.TestKit;

namespace ContainerGrains.Benchmarks.Starts;

/// <summary>From the call to the program's first instruction, all on the same root directory and with the same program.</summary>
internal sealed class StartBench(BenchOptions options, Report report) : IBench
{
    private const string Section = "start";
    private const int WarmUpRounds = 3;
    private const string Address = "10.88.7.7/16";
    // What every one of them, ours too, has as mount points of a root.
    private static readonly string[] MountPoints = ["proc", "dev", "sys", "tmp", "etc"];

    public void Run(CancellationToken cancellationToken)
    {
        using var scratch = new Scratch();
        string root = Directory.CreateDirectory($"{scratch.Path}/root").FullName;
        foreach (string directory in MountPoints) Directory.CreateDirectory($"{root}/{directory}");
        string program = $"/{FirstInstruction.Name}";
        FirstInstruction.WriteTo(root + program);
        using var trio = new EngineTrio();
        using var lan = new TestLan();
        using var lanTrio = new EngineTrio(lan);
        trio.Hosts[0].Engine.WarmUp();

        Interleaving.Run(
        [
            OurStart("ContainerEngine.Start, no network", "clone into new namespaces, overlay and cgroup; lo only", trio.Hosts[0], root, null),
            OurStart("ContainerEngine.Start, network", "the same, and a veth pair with its end in a bridge", lanTrio.Hosts[0], root, Address),
            Peer("fork and exec, no container", "what starting any program from here costs; part of every row below", root + program, []),
            Peer("unshare", "fork, exec, the same namespaces and chroot; no overlay, no cgroup", "unshare",
                ["--pid", "--fork", "--mount", "--net", "--ipc", "--uts", "--cgroup", $"--root={root}", "--mount-proc", program]),
            Peer("bwrap", "the same and a new root of bind mounts, /dev and /proc; no cgroup", "bwrap",
                ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", program]),
            Runc(scratch, root, program),
        ], options.Starts, WarmUpRounds, cancellationToken);
    }

    private Contender OurStart(string name, string boundBy, TestHost host, string root, string? address)
    {
        var config = new ContainerConfig { Name = "cg-bench-start", Args = [$"/{FirstInstruction.Name}"], Rootfs = root, Address = address };
        return new Contender(report.Add(Section, name, "ms", boundBy), () =>
        {
            try
            {
                // The hop to the host's thread is not part of a start.
                (long call, IEngineContainer container) = host.Run(() => (Stopwatch.GetTimestamp(), host.Engine.Start(config, CancellationToken.None)));
                if (!container.Exited.Wait(TimeSpan.FromSeconds(30))) throw new TimeoutException("the program did not end within 30 s");
                return FirstInstruction.MsSince(call, File.ReadAllBytes(container.StdoutPath));
            }
            finally
            {
                host.Run(() => host.Engine.Delete(config.Name));
            }
        });
    }

    private Contender Peer(string name, string boundBy, string program, IReadOnlyList<string> arguments)
    {
        Measurement measurement = report.Add(Section, name, "ms", boundBy, isPeer: true);
        string? path = program.StartsWith('/') ? program : BenchPaths.Find(program);
        if (path is null) measurement.Missing = $"missing: {program} is not installed";
        return new Contender(measurement, () =>
        {
            long call = Stopwatch.GetTimestamp();
            return FirstInstruction.MsSince(call, Command.Run(path!, arguments));
        });
    }

    // With the specification that runc itself writes, but for root, program and terminal.
    private Contender Runc(Scratch scratch, string root, string program)
    {
        const string name = "cg-bench-start";
        string state = $"{scratch.Path}/runc-state";
        Contender peer = Peer("runc run", "the same and cgroups, through a parent, two re-executions of runc and an exec fifo", "runc",
            ["--root", state, "run", "--bundle", $"{scratch.Path}/bundle", name]);
        if (peer.IsMissing) return peer;
        string bundle = Directory.CreateDirectory($"{scratch.Path}/bundle").FullName;
        Command.Run(BenchPaths.Find("runc")!, ["spec", "--bundle", bundle]);
        JsonNode spec = JsonNode.Parse(File.ReadAllText($"{bundle}/config.json"))!;
        spec["process"]!["terminal"] = false;
        spec["process"]!["args"] = new JsonArray(program);
        spec["root"]!["path"] = root;
        spec["root"]!["readonly"] = true;
        File.WriteAllText($"{bundle}/config.json", spec.ToJsonString());
        return peer;
    }
}
