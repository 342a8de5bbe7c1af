namespace ContainerGrains.Engine;

/// <summary>
/// In which session each process of a tree is to be born, so that in the end all have theirs (setsid(2), credentials(7)). A session is
/// inherited, and left only to lead one of one's own: a leader's children from before that are born first. An orphan has a session that
/// its new parent may never have had: somebody of that session, below the new parent, must bear it.
/// </summary>
internal sealed class BirthSessions
{
    /// <summary>It leads its own, and does not care.</summary>
    public const int Any = -1;

    public readonly record struct Process(int VirtualPid, int Parent, int Session)
    {
        public bool Leads => Session == VirtualPid;
    }

    private readonly Dictionary<int, Process> _processes;
    private readonly ILookup<int, Process> _children;
    private readonly Dictionary<int, int> _born = [];

    /// <param name="processes">Parents before children.</param>
    public BirthSessions(IReadOnlyList<Process> processes)
    {
        _processes = processes.ToDictionary(p => p.VirtualPid);
        _children = processes.ToLookup(p => p.Parent);
        foreach (Process process in processes.Reverse()) _born[process.VirtualPid] = process.Leads ? FromBefore(process) : process.Session;
    }

    /// <summary>The session of a process at its birth, or <see cref="Any"/>.</summary>
    public int Of(int virtualPid) => _born[virtualPid];

    /// <summary>Those that no order of births can give their session.</summary>
    public IEnumerable<Process> Impossible => _processes.Values.Where(process => !IsPossible(process));

    private int FromBefore(Process leader) => _children[leader.VirtualPid].Select(child => _born[child.VirtualPid])
        .FirstOrDefault(session => session != Any && session != leader.VirtualPid && !LivesBelow(session, leader.VirtualPid), Any);

    private bool IsPossible(Process process)
    {
        int session = _born[process.VirtualPid];
        if (process.Parent == 0) return process.Leads && session == Any;
        if (session == Any || !_processes.TryGetValue(process.Parent, out Process parent)) return true;
        return session == parent.Session || session == _born[parent.VirtualPid] || LivesBelow(session, parent.VirtualPid);
    }

    // Nobody of the session is elsewhere: one that is below can bear, and if none is, a passing leader can be made.
    private bool LivesBelow(int session, int ancestor) => _processes.Values.All(p => p.Session != session || IsBelow(p, ancestor));

    private bool IsBelow(Process process, int ancestor)
    {
        for (int depth = 0; depth <= _processes.Count; depth++)
        {
            if (process.Parent == ancestor) return true;
            if (!_processes.TryGetValue(process.Parent, out process)) return false;
        }
        return false;
    }
}
