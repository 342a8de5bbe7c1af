using ContainerGrains.Engine;

namespace ContainerGrains.TestKit;

/// <summary>Three hosts on this machine, each with an engine and a state directory; with <paramref name="lan"/> on one network.</summary>
public sealed class EngineTrio : IDisposable
{
    private const string Parent = "/var/lib/containergrains-tests";
    private static readonly string Workloads = $"{AppContext.BaseDirectory}/workloads";
    private readonly string _id = Guid.NewGuid().ToString("n")[..8];
    private readonly string _directory;
    private readonly List<string> _names = [];

    public EngineTrio(TestLan? lan = null)
    {
        _directory = $"{Parent}/{_id}";
        Hosts = [.. Enumerable.Range(0, 3).Select(i => MakeHost(i, lan))];
    }

    public IReadOnlyList<TestHost> Hosts { get; }

    /// <summary>Shows the workloads of this directory to a container as /workloads.</summary>
    public static ContainerConfig Config(params string[] args) => new()
    {
        Name = "survivor",
        Args = args,
        Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH=/workloads", "PYTHONDONTWRITEBYTECODE=1"],
        Volumes = [new VolumeConfig(Workloads, "/workloads", ReadOnly: true)],
    };

    /// <summary>Starts a container on the first host.</summary>
    public ContainerMover Start(ContainerConfig config)
    {
        _names.Add(config.Name);
        return new ContainerMover(this, Hosts[0].Run(() => Hosts[0].Engine.Start(config, CancellationToken.None)), $"{_directory}/image");
    }

    /// <summary>Neither processes nor cgroups nor directories of any container are on a host.</summary>
    public void AssertNothingOn(TestHost host)
    {
        string[] groups = [.. CgroupMounts.Read().Legacy.Values.Distinct().Append(CgroupMounts.Read().Unified).Select(mount => $"{mount}/containergrains/{host.Name}").Where(Directory.Exists).SelectMany(Directory.GetDirectories)];
        string containers = $"{host.Engine.Options.StateDirectory}/containers";
        string[] left = [.. groups, .. Directory.Exists(containers) ? Directory.GetDirectories(containers) : [], .. host.Engine.Containers.Select(c => c.Name)];
        if (left.Length > 0) throw new InvalidOperationException($"left on host {host.Name}: {string.Join(", ", left)}");
        int[] ours = Children();
        int[] expected = [.. Hosts.SelectMany(h => h.Engine.Containers).SelectMany(c => c.Processes()).Select(p => p.Pids[0])];
        if (ours.Except(expected).ToArray() is { Length: > 0 } strangers) throw new InvalidOperationException($"processes left: {string.Join(", ", strangers)}");
    }

    private static int[] Children() =>
        [.. Directory.GetDirectories("/proc/self/task").SelectMany(task => ReadChildren($"{task}/children")).Select(pid => int.Parse(pid, System.Globalization.CultureInfo.InvariantCulture))];

    private static string[] ReadChildren(string path)
    {
        try
        {
            return File.ReadAllText(path).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception e) when (e is IOException or DirectoryNotFoundException)
        {
            // The thread has ended.
            return [];
        }
    }

    public void Dispose()
    {
        foreach (TestHost host in Hosts)
        {
            foreach (string name in _names) host.Run(() => host.Engine.Delete(name));
            host.Engine.Dispose();
        }
        foreach (TestHost host in Hosts)
        {
            string group = $"{CgroupMounts.Read().Unified}/containergrains/{host.Name}";
            if (Directory.Exists(group)) Directory.Delete(group);
        }
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
        if (Directory.Exists(Parent) && !Directory.EnumerateFileSystemEntries(Parent).Any()) Directory.Delete(Parent);
    }

    private TestHost MakeHost(int index, TestLan? lan)
    {
        var options = new EngineOptions { StateDirectory = $"{_directory}/{index}", HostName = $"test-{_id}-{(char)('a' + index)}", Bridge = lan is null ? null : TestLan.Bridge };
        TestNetwork? network = lan?.Hosts[index];
        return new TestHost(network is null ? new ContainerEngine(options) : network.Run(() => new ContainerEngine(options)), network);
    }
}
