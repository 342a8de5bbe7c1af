namespace ContainerGrains.Engine;

/// <summary>
/// Which puppets, and the pages in them, last from one tree of a move to the next: both ends must say the same, because what does not
/// last is made anew on the target, empty, and the source sends its memory again. A living process's parent cannot be changed unless that
/// one ends, nor its session but for setsid(2).
/// </summary>
internal static class LastingProcesses
{
    /// <param name="before">The tree that was sent last; null before the first.</param>
    /// <param name="after">Parents before children.</param>
    /// <returns>Virtual pids.</returns>
    public static HashSet<int> Of(TreeRecord? before, TreeRecord after)
    {
        var lasting = new HashSet<int>();
        if (before is null) return lasting;
        var earlier = before.Processes.ToDictionary(p => p.VirtualPid);
        var wanted = after.Processes.ToDictionary(p => p.VirtualPid);
        foreach (ProcessRecord process in after.Processes)
            if (earlier.TryGetValue(process.VirtualPid, out ProcessRecord? old) && Lasts(old, process)) lasting.Add(process.VirtualPid);
        return lasting;

        bool Lasts(ProcessRecord old, ProcessRecord process) =>
            (process.Parent == 0 || lasting.Contains(process.Parent))
            && (process.Parent == old.Parent || old.Parent != 0 && (!wanted.TryGetValue(old.Parent, out ProcessRecord? parent) || parent.ExitCode is not null))
            && (process.Session == old.Session || process.Session == process.VirtualPid)
            && !(old.ExitCode is not null && process.ExitCode is null);
    }
}
