using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>What the silos of a cluster hold of the kernel, all hosts together. A namespace is held by a process, a descriptor or a mount.</summary>
/// <param name="ResidentBytes">Of anonymous memory.</param>
internal sealed record Inventory(int Descriptors, int Threads, int Mounts, int Groups, int Links, int Directories, long ResidentBytes)
{
    public static Inventory Of(LocalCluster cluster)
    {
        int[] silos = [.. cluster.Hosts.Select(cluster.SiloPid)];
        return new Inventory(
            silos.Sum(p => Directory.GetFiles($"/proc/{p}/fd").Length),
            silos.Sum(p => Directory.GetDirectories($"/proc/{p}/task").Length),
            silos.Sum(p => File.ReadLines($"/proc/{p}/mountinfo").Count()),
            cluster.Groups().Count(),
            cluster.Hosts.Sum(h => cluster.ContainerLinks(h).Length),
            cluster.Hosts.Sum(h => Directory.GetDirectories($"{cluster.StateDirectory}/{h}/containers").Length),
            silos.Sum(AnonymousBytes));
    }

    private static long AnonymousBytes(int pid) =>
        long.Parse(File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("RssAnon:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) << 10;
}
