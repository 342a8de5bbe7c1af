using System.Runtime.InteropServices;
using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The process tree on the target: puppets with the old virtual pids and the right parents, made and removed as the source's tree
/// changes, then given their sessions and groups (setsid(2), setpgid(2), credentials(7)).
/// </summary>
internal sealed class TreeRestore(Sandbox sandbox) : IDisposable
{
    private const int SIGCHLD = 17;
    private readonly Dictionary<int, Node> _nodes = [];
    private TreeRecord? _applied;

    public sealed class Node(ProcessRecord record, Puppet puppet)
    {
        public ProcessRecord Record { get; set; } = record;
        public Puppet Puppet { get; } = puppet;
        public AddressSpaceRestore? Space { get; set; }
        /// <summary>Its session now: its own is made as late as possible, for children from before it.</summary>
        public int Session { get; set; }
        /// <summary>A zombie already.</summary>
        public bool HasEnded { get; set; }
    }

    public IEnumerable<Node> Nodes => _nodes.Values;

    public Node Find(int virtualPid) => _nodes.TryGetValue(virtualPid, out Node? node)
        ? node
        : throw new EngineException(EngineError.BadImage, "restore: tree", $"the image names process {virtualPid} but does not hold it");

    /// <summary>Makes the tree as recorded. Processes that are gone are killed; their children go to whom they went to on the source.</summary>
    public void Apply(TreeRecord tree)
    {
        Check(tree);
        var wanted = tree.Processes.ToDictionary(p => p.VirtualPid);
        // Children before their parents, so that orphans find the way up.
        foreach (Node node in _nodes.Values.Where(n => !wanted.ContainsKey(n.Record.VirtualPid)).OrderByDescending(Depth).ToArray()) Remove(node, HeirOf(node, wanted));
        HashSet<int> lasting = LastingProcesses.Of(_applied, tree);
        _applied = tree;
        foreach (Node node in _nodes.Values.Where(n => !lasting.Contains(n.Record.VirtualPid)).OrderByDescending(Depth).ToArray()) Remove(node, HeirOf(node, wanted));
        (Node Node, Node? Heir)[] ending = [.. _nodes.Values.Where(n => wanted[n.Record.VirtualPid].ExitCode is not null && !n.HasEnded && Children(n).Any()).OrderByDescending(Depth).Select(n => (n, HeirOf(n, wanted)))];
        foreach (Node node in _nodes.Values.Where(n => !n.HasEnded))
        {
            node.Record = wanted[node.Record.VirtualPid];
            LeadSession(node);
        }
        var sessions = new BirthSessions([.. tree.Processes.Select(p => new BirthSessions.Process(p.VirtualPid, p.Parent, p.Session))]);
        List<ProcessRecord> waiting = [.. tree.Processes.Where(record => !_nodes.ContainsKey(record.VirtualPid))];
        while (waiting.Count > 0)
        {
            var later = new List<ProcessRecord>();
            var made = new List<Node>();
            foreach (ProcessRecord record in waiting)
            {
                int session = sessions.Of(record.VirtualPid);
                if (CanBeMade(record, session, wanted)) made.Add(Make(record, session));
                else later.Add(record);
            }
            if (made.Count == 0)
                throw new EngineException(EngineError.NotCarried, "restore: tree", $"process {later[0].VirtualPid} is in session {later[0].Session}, into which its parent {later[0].Parent} cannot bear it");
            made.ForEach(LeadSession);
            waiting = later;
        }
        foreach ((Node node, Node? heir) in ending)
        {
            if (_nodes.TryGetValue(node.Record.Group, out Node? leader) && leader.Record.Group == leader.Record.VirtualPid && !leader.HasEnded) SetGroup(leader, leader.Record.Group);
            SetGroup(node, node.Record.Group);
            AsReaper(heir?.Puppet, () => End(node));
        }
    }

    /// <summary>Process groups, when all processes exist.</summary>
    public void SetGroups()
    {
        foreach (Node node in _nodes.Values.Where(n => !n.HasEnded).OrderBy(n => n.Record.Group == n.Record.VirtualPid ? 0 : 1)) SetGroup(node, node.Record.Group);
    }

    /// <summary>Zombies end as they did.</summary>
    public void EndZombies()
    {
        foreach (Node node in _nodes.Values.Where(n => n.Record.ExitCode is not null && !n.HasEnded).ToArray()) End(node);
    }

    public void Dispose()
    {
        foreach (Node node in _nodes.Values) node.Space?.Dispose();
    }

    private static void End(Node node)
    {
        SetName(node.Puppet, node.Record.Name);
        var status = new WaitStatus(node.Record.ExitCode!.Value & 0xffff);
        if (status.Exited) node.Puppet.Exit(status.ExitCode);
        else node.Puppet.Die(status.TermSignal);
        node.HasEnded = true;
    }

    private void SetGroup(Node node, int group)
    {
        if (node.Puppet.Call("getpgid", Syscall.getpgid, 0) == group || node.Puppet.TryCall(Syscall.setpgid, 0, group) >= 0) return;
        JoinGroupOfTheDead(node);
    }

    private static void SetName(Puppet puppet, string name)
    {
        const int nameBytes = 16;
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        Array.Resize(ref bytes, nameBytes);
        bytes[^1] = 0;
        puppet.ResetScratch();
        puppet.Call("prctl(PR_SET_NAME)", Syscall.prctl, Prctl.PR_SET_NAME, puppet.Put(bytes));
    }

    private static void Check(TreeRecord tree)
    {
        const int most = 32768;
        var seen = new HashSet<int>();
        if (tree.Processes.Count is 0 or > most || tree.Processes[0].VirtualPid != 1) throw Bad("it does not begin with process 1");
        foreach (ProcessRecord record in tree.Processes)
        {
            if (record.VirtualPid is < 1 or > 4194304 || !seen.Add(record.VirtualPid)) throw Bad($"process {record.VirtualPid} is no pid or comes twice");
            if (record.Parent != 0 && (record.Parent == record.VirtualPid || !seen.Contains(record.Parent))) throw Bad($"the parent of process {record.VirtualPid} does not come before it");
            if (record.Space is null != record.ExitCode is not null) throw Bad($"process {record.VirtualPid} is neither alive nor a zombie");
        }

        static EngineException Bad(string what) => new(EngineError.BadImage, "restore: tree", $"{what}; the image is damaged");
    }

    private IEnumerable<Node> Children(Node node) => _nodes.Values.Where(n => n.Record.Parent == node.Record.VirtualPid);

    // To whom its children go.
    private Node? HeirOf(Node node, Dictionary<int, ProcessRecord> wanted) =>
        Children(node).Select(n => wanted.GetValueOrDefault(n.Record.VirtualPid)).FirstOrDefault(r => r is not null) is { } child ? _nodes.GetValueOrDefault(child.Parent) : null;

    private int Depth(Node node)
    {
        int depth = 0;
        for (Node? at = node; at is not null && depth <= _nodes.Count; depth++) at = _nodes.GetValueOrDefault(at.Record.Parent);
        return depth;
    }

    private bool CanBeMade(ProcessRecord record, int session, Dictionary<int, ProcessRecord> wanted)
    {
        if (record.Parent == 0) return record.Session == record.VirtualPid;
        if (!_nodes.TryGetValue(record.Parent, out Node? parent)) return false;
        if (session is BirthSessions.Any || session == parent.Session) return true;
        // After its parent's setsid, when all those are there that were born before it; or when its session is there.
        return session != parent.Record.Session && (!wanted.ContainsKey(session) || _nodes.TryGetValue(session, out Node? leader) && leader.Session == session);
    }

    private void Remove(Node node, Node? heir)
    {
        int virtualPid = node.Record.VirtualPid;
        _nodes.Remove(virtualPid);
        node.Space?.Dispose();
        if (!node.HasEnded) AsReaper(heir?.Puppet, node.Puppet.Kill);
        Puppet? parent = _nodes.GetValueOrDefault(node.Record.Parent) is { HasEnded: false } p ? p.Puppet : null;
        if (parent is not null && TryReapIn(parent, virtualPid)) return;
        // Its parent went before it: init has it, or whom it gave its children to.
        foreach (Node other in _nodes.Values)
            if (!other.HasEnded && other.Puppet != parent && TryReapIn(other.Puppet, virtualPid)) return;
    }

    private Node Make(ProcessRecord record, int session)
    {
        int[] setTid = [.. record.Pids.Reverse()];
        Node node;
        if (record.VirtualPid == 1) node = new Node(record, sandbox.Init);
        else if (record.Parent == 0) node = new Node(record, Sandbox.Enter(sandbox.Init.Tid, sandbox.Cgroup, setTid));
        else node = MakeChild(record, setTid, session);
        _nodes.Add(record.VirtualPid, node);
        return node;
    }

    private Node MakeChild(ProcessRecord record, int[] setTid, int session)
    {
        Node parent = _nodes[record.Parent];
        if (session is BirthSessions.Any || session == parent.Session) return new Node(record, CloneFrom(parent.Puppet, setTid)) { Session = parent.Session };
        // Born of somebody who ended, and left to a parent that never was in its session. A passing member of the session, below that
        // parent, bears it and goes; the kernel gives the orphan to the nearest reaper above.
        Node? member = _nodes.Values.FirstOrDefault(n => n.Session == session && !n.HasEnded && IsBelow(n, record.Parent));
        Puppet bearer = CloneFrom((member ?? parent).Puppet, member is null ? [session] : []);
        if (member is null) bearer.Call("setsid", Syscall.setsid);
        Puppet child = CloneFrom(bearer, setTid);
        int bearerPid = ProcessTree.PidsOf(bearer.Tid)![^1];
        AsReaper(parent.Puppet, bearer.Kill);
        TryReapIn((member ?? parent).Puppet, bearerPid);
        return new Node(record, child) { Session = session };
    }

    private bool IsBelow(Node node, int ancestor)
    {
        for (Node? at = node; at is not null; at = _nodes.GetValueOrDefault(at.Record.Parent))
            if (at.Record.Parent == ancestor) return true;
        return false;
    }

    // Orphans go to the nearest subreaper above, else to init (PR_SET_CHILD_SUBREAPER(2const)); what the process itself is comes with its record.
    private void AsReaper(Puppet? reaper, Action leave)
    {
        bool isSubreaper = reaper is not null && reaper != sandbox.Init;
        if (isSubreaper) reaper!.Call("prctl(PR_SET_CHILD_SUBREAPER)", Syscall.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 1);
        leave();
        if (isSubreaper) reaper!.Call("prctl(PR_SET_CHILD_SUBREAPER)", Syscall.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 0);
    }

    private static void LeadSession(Node node)
    {
        if (node.Session == node.Record.Session || node.Record.Session != node.Record.VirtualPid) return;
        node.Puppet.Call("setsid", Syscall.setsid);
        node.Session = node.Record.VirtualPid;
    }

    private static Puppet CloneFrom(Puppet parent, int[] setTid)
    {
        parent.ResetScratch();
        return parent.Clone(0, SIGCHLD, setTid);
    }

    // The group's leader has ended: a passing child of the member takes its number, for as long as it takes to join.
    private void JoinGroupOfTheDead(Node node)
    {
        Puppet bearer = CloneFrom(node.Puppet, [node.Record.Group]);
        try
        {
            bearer.Call("setpgid", Syscall.setpgid, 0, 0);
            foreach (Node member in _nodes.Values.Where(n => n.Record.Group == node.Record.Group && n.Record.Session == node.Record.Session))
                member.Puppet.Call("setpgid", Syscall.setpgid, 0, node.Record.Group);
        }
        finally
        {
            bearer.Kill();
            TryReapIn(node.Puppet, node.Record.Group);
        }
    }

    // False: not a child of it.
    private static bool TryReapIn(Puppet parent, int virtualPid)
    {
        long result = parent.TryCall(Syscall.wait4, virtualPid, 0, WaitStatus.__WALL, 0);
        if (result == -Errno.ECHILD) return false;
        Result.Check(result, "wait4 in puppet", parent.Tid);
        return true;
    }
}
