using System.Globalization;
using System.Text.RegularExpressions;
using ContainerGrains.Engine;

namespace ContainerGrains.Cluster.Tests;

/// <summary>What a cluster of deploy/local has on this machine, found by its name alone.</summary>
internal static partial class Leftovers
{
    private static readonly string[] Places = ["/run/netns", "/run", "/var/lib", .. CgroupMounts.Read().Legacy.Values.Append(CgroupMounts.Read().Unified).Distinct()];

    /// <summary>Names carry the pid of the test process, so that what a killed one left can be told from what is in use.</summary>
    public static string NewName() => $"t{Environment.ProcessId}{(char)('a' + Interlocked.Increment(ref _count))}";
    private static int _count = -1;

    /// <summary>Removes the clusters of test processes that are no more.</summary>
    public static void Sweep()
    {
        IEnumerable<Match> found = Places.Where(Directory.Exists).SelectMany(Directory.EnumerateFileSystemEntries).Select(e => TestCluster().Match(e)).Where(m => m.Success);
        foreach (string name in found.Where(m => !IsTest(m.Groups["pid"].Value)).Select(m => m.Groups["name"].Value).Distinct().ToArray())
            Dev.Run(name, "down").Check();
    }

    /// <summary>Namespaces, directories, cgroups, mounts and processes of a cluster.</summary>
    public static string[] Of(string name) =>
    [
        .. Places.Where(Directory.Exists).SelectMany(Directory.EnumerateFileSystemEntries).Where(e => Path.GetFileName(e) is { } file && (file.StartsWith($"cg{name}-", StringComparison.Ordinal) || file == $"containergrains-{name}")),
        .. File.ReadLines("/proc/self/mounts").Where(m => m.Contains($"containergrains-{name}", StringComparison.Ordinal) || m.Contains($"/cg{name}-", StringComparison.Ordinal)),
        .. Directory.GetDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), out _) && Belongs(p, name)),
    ];

    public static void AssertNone(string name)
    {
        string[] left = [];
        // A killed process of much memory takes a moment to be gone.
        for (int i = 0; i < 100 && (left = Of(name)).Length > 0; i++) Thread.Sleep(50);
        Assert.Empty(left);
    }

    // Silos and clients carry the name in their environment, containers in their cgroup.
    private static bool Belongs(string process, string name) =>
        $"\0{Read($"{process}/environ")}".Contains($"\0{Dev.ClusterVariable}={name}\0", StringComparison.Ordinal) || Read($"{process}/cgroup").Contains($"/containergrains-{name}/", StringComparison.Ordinal);

    private static bool IsTest(string pid) => Read($"/proc/{pid}/cmdline").Contains(typeof(Leftovers).Assembly.GetName().Name!, StringComparison.Ordinal);

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended.
            return "";
        }
    }

    [GeneratedRegex("/(cg|containergrains-)(?<name>t(?<pid>[0-9]+)[a-z])(-[a-z-]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex TestCluster();
}
