using System.Diagnostics;
using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The cgroup of one container: always one of v2 (freeze, kill, membership), and with limits the v1 controllers where v2 does not
/// offer them. cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
/// </summary>
public sealed class ContainerCgroup
{
    private readonly CgroupMounts _mounts;
    private readonly string _relative;
    private readonly List<string> _legacy = [];

    private ContainerCgroup(CgroupMounts mounts, EngineOptions options, string name)
    {
        _mounts = mounts;
        _relative = $"{options.CgroupParent}/{options.HostName}/{name}";
        Path = $"{mounts.Unified}/{_relative}";
    }

    /// <summary>Directory of the v2 cgroup.</summary>
    public string Path { get; }

    /// <summary>The controllers whose limits and counters are in v1 hierarchies.</summary>
    public static ContainerCgroup Create(CgroupMounts mounts, EngineOptions options, ContainerConfig config)
    {
        var cgroup = new ContainerCgroup(mounts, options, config.Name);
        string[] wanted = [.. Wanted(config)];
        cgroup.MakeUnified(wanted.Where(mounts.UnifiedControllers.Contains).ToArray());
        if (config.MemoryBytes is long memory)
            cgroup.Limit("memory", "memory.max", memory.ToString(CultureInfo.InvariantCulture), "memory.limit_in_bytes");
        if (config.Pids is int pids)
            cgroup.Limit("pids", "pids.max", pids.ToString(CultureInfo.InvariantCulture), "pids.max");
        if (config.Cpus is double cpus)
            cgroup.LimitCpus(cpus);
        return cgroup;
    }

    /// <summary>The group of a container that an earlier engine left behind; null when there is none.</summary>
    public static ContainerCgroup? Find(CgroupMounts mounts, EngineOptions options, string name)
    {
        var cgroup = new ContainerCgroup(mounts, options, name);
        cgroup._legacy.AddRange(mounts.Legacy.Values.Distinct().Select(mount => $"{mount}/{cgroup._relative}").Where(Directory.Exists));
        return Directory.Exists(cgroup.Path) ? cgroup : null;
    }

    /// <summary>The names of the containers that have, or had, a group on this host.</summary>
    public static IReadOnlyList<string> Names(CgroupMounts mounts, EngineOptions options)
    {
        string parent = $"{mounts.Unified}/{options.CgroupParent}/{options.HostName}";
        return Directory.Exists(parent) ? [.. Directory.GetDirectories(parent).Select(path => System.IO.Path.GetFileName(path))] : [];
    }

    /// <summary>Removes a host's groups and their parents where they are empty; others have theirs there, so EBUSY is an answer.</summary>
    public static void RemoveHost(CgroupMounts mounts, EngineOptions options)
    {
        foreach (string mount in mounts.Legacy.Values.Append(mounts.Unified).Distinct())
        {
            Paths.TryRemoveDirectory($"{mount}/{options.CgroupParent}/{options.HostName}");
            Paths.TryRemoveDirectory($"{mount}/{options.CgroupParent}");
        }
    }

    public FileDescriptor Open() => Linux.Files.Open(Path, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);

    /// <summary>Puts a process, before it has children, into the v1 groups; v2 takes it at clone3.</summary>
    public void JoinLegacy(int pid)
    {
        foreach (string directory in _legacy)
            Linux.Files.WriteText($"{directory}/cgroup.procs", pid.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Stops everything in the group at once; returns when all of it stands still.</summary>
    /// <exception cref="EngineException">Timeout: something does not stop (uninterruptible sleep); it is thawed again.</exception>
    public void Freeze(TimeSpan timeout)
    {
        Linux.Files.WriteText($"{Path}/cgroup.freeze", "1");
        long start = Stopwatch.GetTimestamp();
        using FileDescriptor events = Linux.Files.Open($"{Path}/cgroup.events", Linux.Files.O_RDONLY);
        Span<byte> text = stackalloc byte[256];
        while (true)
        {
            int length = (int)Linux.Files.ReadAt(events.Number, text, 0);
            if (text[..length].IndexOf("frozen 1"u8) >= 0) return;
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                Thaw();
                throw new EngineException(EngineError.Timeout, "freeze", $"the container did not stand still within {timeout.TotalSeconds:0.#} s (a process in uninterruptible sleep); it runs on, try again");
            }
            Poll.Wait(events.Number, Poll.POLLPRI, (int)Math.Min(left.TotalMilliseconds + 1, 50));
        }
    }

    /// <summary>Freezes without waiting for it.</summary>
    public void Hold() => Linux.Files.WriteText($"{Path}/cgroup.freeze", "1");

    /// <summary>Whether it was told to stand still, also by an earlier engine.</summary>
    public bool IsHeld => Linux.Files.ReadText($"{Path}/cgroup.freeze").StartsWith('1');

    public void Thaw() => Linux.Files.WriteText($"{Path}/cgroup.freeze", "0");

    /// <summary>SIGKILL to everything in the group, also what it forks meanwhile.</summary>
    public void Kill() => Linux.Files.WriteText($"{Path}/cgroup.kill", "1");

    /// <summary>Real pids of all (non-zombie) processes; none when the group has gone with the last of them.</summary>
    public int[] Pids()
    {
        try
        {
            return [.. Linux.Files.ReadText($"{Path}/cgroup.procs").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).Distinct()];
        }
        // Between open and read it is ENODEV.
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            return [];
        }
    }

    /// <summary>CPU seconds and memory bytes; memory is the sum of resident pages where no controller counts it.</summary>
    public (double CpuSeconds, long? MemoryBytes) Usage()
    {
        double cpu = 0;
        foreach (string line in Linux.Files.ReadText($"{Path}/cpu.stat").Split('\n'))
            if (line.StartsWith("usage_usec ", StringComparison.Ordinal)) cpu = long.Parse(line.AsSpan(11), CultureInfo.InvariantCulture) / 1e6;
        foreach (string file in (string[])[$"{Path}/memory.current", .. _legacy.Select(d => $"{d}/memory.usage_in_bytes")])
            if (File.Exists(file)) return (cpu, long.Parse(Linux.Files.ReadText(file).Trim(), CultureInfo.InvariantCulture));
        return (cpu, null);
    }

    /// <summary>Removes the groups; they must be empty. What remains is reported, not thrown: cleanup never hides the first error.</summary>
    public IReadOnlyList<string> Remove()
    {
        var failed = new List<string>();
        foreach (string directory in (string[])[Path, .. _legacy])
        {
            long start = Stopwatch.GetTimestamp();
            long result;
            // The kernel empties a group a moment after its last task was reaped.
            while ((result = Paths.TryRemoveDirectory(directory)) == -Errno.EBUSY && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(2))
                Poll.Sleep(1);
            if (result < 0 && result != -Errno.ENOENT) failed.Add($"rmdir {directory}: {Errno.Name((int)-result)}");
        }
        return failed;
    }

    private static IEnumerable<string> Wanted(ContainerConfig config)
    {
        if (config.MemoryBytes is not null) yield return "memory";
        if (config.Cpus is not null) yield return "cpu";
        if (config.Pids is not null) yield return "pids";
    }

    private void MakeUnified(string[] controllers)
    {
        string directory = _mounts.Unified;
        foreach (string part in _relative.Split('/'))
        {
            foreach (string controller in controllers)
                Linux.Files.WriteText($"{directory}/cgroup.subtree_control", "+" + controller);
            directory += "/" + part;
            Paths.MakeDirectory(directory, 0x1ED);
        }
    }

    private void Limit(string controller, string unifiedFile, string value, string legacyFile)
    {
        if (_mounts.UnifiedControllers.Contains(controller)) Linux.Files.WriteText($"{Path}/{unifiedFile}", value);
        else Linux.Files.WriteText($"{MakeLegacy(controller)}/{legacyFile}", value);
    }

    private void LimitCpus(double cpus)
    {
        const long periodUs = 100_000;
        string quota = ((long)(cpus * periodUs)).ToString(CultureInfo.InvariantCulture);
        if (_mounts.UnifiedControllers.Contains("cpu"))
        {
            Linux.Files.WriteText($"{Path}/cpu.max", $"{quota} {periodUs}");
            return;
        }
        string directory = MakeLegacy("cpu");
        Linux.Files.WriteText($"{directory}/cpu.cfs_period_us", periodUs.ToString(CultureInfo.InvariantCulture));
        Linux.Files.WriteText($"{directory}/cpu.cfs_quota_us", quota);
    }

    private string MakeLegacy(string controller)
    {
        if (!_mounts.Legacy.TryGetValue(controller, out string? mount))
            throw new EngineException(EngineError.FeatureMissing, "cgroup", $"this host has no cgroup controller '{controller}'; start the container without that limit or enable the controller");
        string directory = mount;
        foreach (string part in _relative.Split('/'))
        {
            directory += "/" + part;
            Paths.MakeDirectory(directory, 0x1ED);
        }
        _legacy.Add(directory);
        return directory;
    }
}
