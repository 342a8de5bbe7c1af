using System.Globalization;
using ContainerGrains.Engine;
using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>
/// The processes of one container as the kernel shows them on one host: what must be the same on the next (one line a process and
/// thread, in virtual ids), and the real pids, which must not.
/// </summary>
public sealed record ProcessSnapshot(IReadOnlyList<string> Lines, IReadOnlyList<int> RealPids)
{
    /// <summary>Of a container that stands still, on either side of a move.</summary>
    public static ProcessSnapshot Read(string hostName, string name)
    {
        string group = $"{CgroupMounts.Read().Unified}/containergrains/{hostName}/{name}/cgroup.procs";
        var pids = new List<int>(File.ReadAllLines(group).Select(line => int.Parse(line, CultureInfo.InvariantCulture)));
        var seen = new HashSet<int>(pids);
        // Zombies are not in the group's list.
        for (int i = 0; i < pids.Count; i++)
            foreach (int child in Threads(pids[i]).SelectMany(tid => File.ReadAllText($"/proc/{pids[i]}/task/{tid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse))
                if (seen.Add(child)) pids.Add(child);
        var virtualPids = pids.ToDictionary(pid => pid, pid => ProcFields.Read($"/proc/{pid}/status").Int32s("NSpid")[^1]);
        IEnumerable<string> lines = pids.OrderBy(pid => virtualPids[pid]).SelectMany(pid => Describe(pid, virtualPids));
        return new ProcessSnapshot([.. lines], pids);
    }

    private static IEnumerable<string> Describe(int pid, Dictionary<int, int> virtualPids)
    {
        ProcStat stat = ProcStat.Read(pid);
        ProcFields status = ProcFields.Read($"/proc/{pid}/status");
        bool zombie = stat.State == 'Z';
        string life = zombie ? $"zombie, ended with {stat.ExitCode}" : $"'{File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' ').Trim()}'";
        yield return $"{virtualPids[pid]} parent {virtualPids.GetValueOrDefault(stat.ParentPid)} session {status.Int32s("NSsid")[^1]} group {status.Int32s("NSpgid")[^1]} {stat.Comm} {life}";
        if (zombie) yield break;
        foreach (string thread in Threads(pid).Select(tid => Describe(pid, tid)).Order(StringComparer.Ordinal)) yield return thread;
    }

    private static IEnumerable<int> Threads(int pid) => Directory.GetDirectories($"/proc/{pid}/task").Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture));

    private static string Describe(int pid, int tid) =>
        $"    {ProcFields.Read($"/proc/{pid}/task/{tid}/status").Int32s("NSpid")[^1]} {File.ReadAllText($"/proc/{pid}/task/{tid}/comm").Trim()}";
}
