using System.Globalization;
using System.Text.Json;
using ContainerGrains.Engine;
using ContainerGrains.Linux;

namespace ContainerGrains.Cluster.Tests;

/// <summary>A cluster as ./dev up makes it, of a name of its own: others of the machine are not touched.</summary>
internal sealed class LocalCluster : IDisposable
{
    private static readonly string Cgroups = CgroupMounts.Read().Unified;
    private static readonly string[] LinksOfHost = ["lo", "cgbr0", "uplink"];
    private readonly Dictionary<string, string> _environment;
    private TestNetwork? _client;

    /// <param name="environment">For the silos.</param>
    /// <param name="name">Of <see cref="Leftovers.NewName"/>, when something of it had to be there before.</param>
    /// <param name="tls">Moves are encrypted.</param>
    public LocalCluster(int hosts, IReadOnlyDictionary<string, string>? environment = null, string? name = null, bool tls = false)
    {
        Leftovers.Sweep();
        Name = name ?? Leftovers.NewName();
        _environment = new(environment ?? new Dictionary<string, string>());
        Hosts = [.. Enumerable.Range(0, hosts).Select(i => $"host-{(char)('a' + i)}")];
        try
        {
            Dev.Run(Name, _environment, [.. (string[])["up", "--no-build", "--hosts", $"{hosts}"], .. tls ? (string[])["--tls"] : []]).Check();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Name { get; }
    public IReadOnlyList<string> Hosts { get; }
    public string StateDirectory => $"/var/lib/containergrains-{Name}/local";
    public string RunDirectory => RunDirectoryOf(Name);
    public string ClientNamespace => $"/run/netns/cg{Name}-client";

    /// <summary>Where clients are that are on none of the hosts.</summary>
    public TestNetwork Client => _client ??= TestNetwork.Join(ClientNamespace);

    public static string RunDirectoryOf(string name) => $"/run/containergrains-{name}";

    public void Dispose()
    {
        _client?.Dispose();
        KeepLogs();
        Dev.Run(Name, "down").Check();
        Leftovers.AssertNone(Name);
    }

    public Ended Cg(params string[] arguments)
    {
        using Command command = StartCg(arguments);
        return command.Wait();
    }

    public Command StartCg(params string[] arguments) => Command.Start(Dev.Cg, arguments, CgEnvironment());

    /// <summary>cg by the silo of one host.</summary>
    public Ended CgAt(string host, params string[] arguments) => Command.Run(Dev.Cg, arguments, CgEnvironment(host));

    public Command StartCgAt(string host, params string[] arguments) => Command.Start(Dev.Cg, arguments, CgEnvironment(host));

    /// <summary>cg whose caller has a trace.</summary>
    public Ended CgTraced(string traceParent, params string[] arguments) => Command.Run(Dev.Cg, arguments, new Dictionary<string, string>(CgEnvironment()) { ["TRACEPARENT"] = traceParent });

    public T Cg<T>(params string[] arguments) => Parse<T>(Cg([.. arguments, "--json"]).Check().Out);

    public static T Parse<T>(string json) => JsonSerializer.Deserialize<T>(json, JsonSerializerOptions.Web)!;

    /// <summary>Starts a container whose program is in tests/workloads, which it sees as /workloads.</summary>
    public ApiContainer RunWorkload(string name, string host, params string[] program) => Run(name, host, ["-v", $"{AppContext.BaseDirectory}workloads:/workloads:ro"], ["python3", $"/workloads/{program[0]}", .. program[1..]]);

    public ApiContainer Run(string name, string host, string[] options, string[] program)
    {
        Cg(["run", "-d", "--name", name, "--host", host, "--rootfs", "/", .. options, "--", .. program]).Check();
        return Inspect(name);
    }

    public ApiContainer Inspect(string name) => Cg<ApiContainer>("inspect", name);

    public ApiMigration Migrate(string name, string to) => Cg<ApiMigration>("migrate", name, "--to", to);

    /// <summary>Removes it, wherever it is.</summary>
    public void Remove(string name) => Cg("rm", "-f", name).Check();

    /// <summary>All that a container has written, in lines; the last may be half of one.</summary>
    public string[] Output(string name) => Cg("logs", name).Check().Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Its lines are the numbers from first on, each one more than the last, and more of them come.</summary>
    public void AssertCounts(string name, int first = 1)
    {
        int before = Output(name).Length;
        string[] lines = [];
        Wait.Until(() => (lines = Output(name)).Length > before + 2, $"'{name}' writes on ({Inspect(name).State} on {Inspect(name).Host}, {before} lines)", 50);
        // The last line may be read in the middle of its write.
        for (int i = 0; i < lines.Length - 1; i++)
            Assert.True(lines[i] == (first + i).ToString(CultureInfo.InvariantCulture), $"line {i} of '{name}' is '{lines[i]}' and not {first + i}");
    }

    public void AssertRunsOn(string name, string host)
    {
        ApiContainer container = Inspect(name);
        Assert.Equal(("running", host), (container.State, container.Host));
        Assert.NotEmpty(container.Processes!);
        Assert.Contains(container.InitPid, Pids(name, host));
    }

    /// <summary>Of a container nothing is on a host: no process, cgroup, directory, mount or link of its own.</summary>
    public void AssertNothingOf(string name, string host)
    {
        string[] left = [];
        // The last steps of a clean-up come after the answer.
        for (int i = 0; i < 100 && (left = [.. Left(name, host)]).Length > 0; i++) Thread.Sleep(50);
        Assert.Empty(left);
    }

    public int SiloPid(string host) => int.Parse(File.ReadAllText($"{RunDirectory}/{host}/silo.pid").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>What the silos of a host have said.</summary>
    public string SiloLog(string host) => $"{StateDirectory}/{host}/silo.log";

    /// <summary>Whether the silo's process is there, and not another one of its number.</summary>
    public bool IsSiloAlive(string host)
    {
        if (Read($"{RunDirectory}/{host}/silo.pid").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries) is not [var pid, var startTime]) return false;
        string stat = Read($"/proc/{pid}/stat");
        return stat.Length > 0 && stat[(stat.LastIndexOf(')') + 2)..].Split(' ') is { } fields && fields[0] != "Z" && fields[19] == startTime;
    }

    /// <summary>Whether cg can ask it.</summary>
    public bool IsServing(string host) => File.Exists($"{RunDirectory}/{host}/api.sock");

    /// <summary>Waits until all of the given hosts have been told that another is dead.</summary>
    public void AwaitDeath(string host, IEnumerable<string> witnesses)
    {
        // Until then this question may be refused as well.
        foreach (string witness in witnesses)
            Wait.Until(() => CgAt(witness, "hosts", "--json") is { ExitCode: 0 } hosts && !Parse<ApiHost[]>(hosts.Out).Any(h => h.Name == host && h.State != "Dead"), $"{witness} knows that {host} is dead");
    }

    /// <summary>kill -9 of the silo's process alone; that it is dead already is right too.</summary>
    public void KillSilo(string host) => _ = Kernel.Raw(Syscall.kill, SiloPid(host), 9);

    /// <summary>Whether two hosts' silos have an open connection between them.</summary>
    public bool AreConnected(string one, string other) =>
        Command.Run("ip", ["netns", "exec", $"cg{Name}-{one}", "ss", "-Htn", "state", "established", "dst", $"10.88.0.{11 + Hosts.ToList().IndexOf(other)}"]).Check().Out.Length > 0;

    /// <summary>Brings a host back whose silo was killed.</summary>
    public void Revive(string host) => Dev.Run(Name, _environment, "host", host, "--no-build").Check();

    /// <summary>As <see cref="Revive"/>, which waits for all hosts; this one does not.</summary>
    public Command StartReviving(string host) => Dev.Start(Name, _environment, "host", host, "--no-build");

    /// <summary>Pulls a host's cable to the segment, or puts it back.</summary>
    public void Link(string host, bool up) => Ip("net", "link", "set", host, up ? "up" : "down");

    /// <summary>What a host sends to others takes its time; 0 ends it.</summary>
    public void Throttle(string host, int megabits)
    {
        string[] change = megabits == 0 ? ["qdisc", "del", "dev", "uplink", "root"] : ["qdisc", "replace", "dev", "uplink", "root", "tbf", "rate", $"{megabits}mbit", "burst", "128kb", "latency", "1s"];
        Command.Run("tc", ["-n", $"cg{Name}-{host}", .. change]).Check();
    }

    /// <summary>Names of the links in a host's namespace that are not its own.</summary>
    public string[] ContainerLinks(string host) =>
        [.. JsonDocument.Parse(Ip(host, "-j", "link")).RootElement.EnumerateArray().Select(l => l.GetProperty("ifname").GetString()!).Except(LinksOfHost)];

    /// <summary>The cluster's control groups, in every hierarchy.</summary>
    public IEnumerable<string> Groups()
    {
        CgroupMounts mounts = CgroupMounts.Read();
        return mounts.Legacy.Values.Append(mounts.Unified).Distinct().Select(mount => $"{mount}/containergrains-{Name}").Where(Directory.Exists)
            .SelectMany(group => Directory.GetDirectories(group, "*", new EnumerationOptions { RecurseSubdirectories = true }));
    }

    /// <summary>Whether processes of a container are on a host, running, stopped or half built.</summary>
    public bool IsOn(string name, string host) => Pids(name, host).Length > 0;

    public bool IsFrozen(string name, string host) => Read($"{Cgroup(name, host)}/cgroup.events").Contains("frozen 1", StringComparison.Ordinal);

    /// <summary>Whether its first process is held by ptrace, for so long that it is no mere question in a round.</summary>
    /// <param name="betweenMs">Of five looks.</param>
    public bool StandsStill(string name, string host, int betweenMs = 10)
    {
        const int looks = 5;
        for (int i = 0; i < looks; i++)
        {
            if (Pids(name, host) is not [int first, ..] || Read($"/proc/{first}/stat") is not { Length: > 0 } stat || stat[stat.LastIndexOf(')') + 2] != 't') return false;
            Thread.Sleep(betweenMs);
        }
        return true;
    }

    public static void Signal(int pid, int signal) => Kernel.Call("kill", Syscall.kill, pid, signal);

    private void KeepLogs()
    {
        string kept = Directory.CreateDirectory($"{Dev.Root}/artifacts/test-results/silo-logs").FullName;
        foreach (string log in Directory.Exists(StateDirectory) ? Directory.GetFiles(StateDirectory, "silo.log", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }) : [])
            File.Copy(log, $"{kept}/{Name}-{Path.GetFileName(Path.GetDirectoryName(log))}.log", overwrite: true);
    }

    /// <summary>ip(8) in one of the cluster's namespaces.</summary>
    private string Ip(string where, params string[] arguments) => Command.Run("ip", ["-n", $"cg{Name}-{where}", .. arguments]).Check().Out;

    private IEnumerable<string> Left(string name, string host)
    {
        foreach (int pid in Pids(name, host)) yield return $"process {pid}";
        if (Directory.Exists(Cgroup(name, host))) yield return Cgroup(name, host);
        string directory = $"{StateDirectory}/{host}/containers/{name}";
        if (Directory.Exists(directory)) yield return directory;
        foreach (string mount in File.ReadLines("/proc/self/mounts").Where(m => m.Contains($"{directory}/", StringComparison.Ordinal))) yield return mount;
        string[] links = ContainerLinks(host);
        int living = Cg<ApiContainer[]>("ps").Count(c => c.Host == host && c.Name != name);
        if (links.Length > living) yield return $"links {string.Join(", ", links)}, containers {living}";
    }

    private string Cgroup(string name, string host) => $"{Cgroups}/containergrains-{Name}/{host}/{name}";

    /// <summary>Real pids of a container on a host.</summary>
    public int[] Pids(string name, string host) =>
        [.. Read($"{Cgroup(name, host)}/cgroup.procs").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(p => int.Parse(p, CultureInfo.InvariantCulture))];

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            // There is no such group, or it has just gone.
            return "";
        }
    }

    private Dictionary<string, string> CgEnvironment(string? host = null)
    {
        var environment = new Dictionary<string, string> { ["CG_RUN_DIR"] = RunDirectory, [Dev.ClusterVariable] = Name };
        if (host is not null) environment["CG_HOST"] = host;
        return environment;
    }
}
