using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Paths of files that processes may write to without a call: their times need not tell (mmap(2), MAP_SHARED).</summary>
internal static class SharedMappings
{
    /// <summary>Of processes that run; some may be gone meanwhile.</summary>
    public static IReadOnlySet<string> Read(IEnumerable<TaskDump> tasks)
    {
        var paths = new HashSet<string>(StringComparer.Ordinal);
        foreach (TaskDump task in tasks)
        {
            try
            {
                paths.UnionWith(MapEntry.Read(task.Pid).Where(m => m.Shared && m.Path.StartsWith('/')).Select(m => m.Path));
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
            {
                // Ended: what it wrote is in the file, with its times.
            }
        }
        return paths;
    }

    public static IReadOnlySet<string> Of(TreeRecord tree) =>
        tree.Processes.SelectMany(p => p.Space?.Mappings ?? []).Where(m => m is { Shared: true, Path: not null }).Select(m => m.Path!).ToHashSet(StringComparer.Ordinal);
}
