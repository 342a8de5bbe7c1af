using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Where the cgroup hierarchies of this machine are mounted (cgroups(7)): read from mountinfo, nothing assumed.</summary>
public sealed class CgroupMounts
{
    private CgroupMounts(string unified, IReadOnlyDictionary<string, string> legacy, IReadOnlySet<string> unifiedControllers)
    {
        Unified = unified;
        Legacy = legacy;
        UnifiedControllers = unifiedControllers;
    }

    /// <summary>Mount point of the v2 hierarchy.</summary>
    public string Unified { get; }

    /// <summary>Mount points of v1 hierarchies by controller ("memory", "cpu", "pids" …).</summary>
    public IReadOnlyDictionary<string, string> Legacy { get; }

    /// <summary>Controllers that the v2 hierarchy offers at its root.</summary>
    public IReadOnlySet<string> UnifiedControllers { get; }

    /// <exception cref="EngineException">FeatureMissing: no cgroup v2 hierarchy is mounted.</exception>
    public static CgroupMounts Read()
    {
        string? unified = null;
        var legacy = new Dictionary<string, string>();
        foreach (string line in Linux.Files.ReadText("/proc/self/mountinfo").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // 29 1 0:25 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
            string[] halves = line.Split(" - ", 2);
            string point = halves[0].Split(' ')[4];
            string[] kind = halves[1].Split(' ');
            if (kind[0] == "cgroup2") unified ??= point;
            else if (kind[0] == "cgroup")
                foreach (string option in kind[2].Split(','))
                    if (option is not ("rw" or "ro")) legacy.TryAdd(option, point);
        }
        if (unified is null)
            throw new EngineException(EngineError.FeatureMissing, "cgroup", "no cgroup v2 hierarchy is mounted; mount one with 'mount -t cgroup2 none /sys/fs/cgroup/unified'");
        var controllers = Linux.Files.ReadText($"{unified}/cgroup.controllers").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).ToHashSet();
        return new CgroupMounts(unified, legacy, controllers);
    }
}
