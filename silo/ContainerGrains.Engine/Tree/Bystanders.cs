using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Processes of ours in a container's namespaces that any process of their user may look at, if nothing but the kernel's ordinary rules
/// binds it: they have no capabilities and nothing open, stand still, and are in no domain that a program of the container has made.
/// Made when the first is asked for. Belongs to the operation's thread.
/// </summary>
internal sealed class Bystanders(int initPid) : IDisposable
{
    private readonly Dictionary<(int Uid, int Gid), Puppet> _puppets = [];

    /// <summary>The virtual pid of one.</summary>
    public int Of((int Uid, int Gid) user)
    {
        if (_puppets.TryGetValue(user, out Puppet? puppet) && !Stands(puppet))
        {
            // A program of the container has killed it: kill(2) of pid -1.
            puppet.Kill();
            puppet = null;
        }
        if (puppet is null) _puppets[user] = puppet = Make(user.Uid, user.Gid);
        return ProcessTree.PidsOf(puppet.Tid)?[^1] ?? throw new LinuxException("bystander", Errno.ESRCH, puppet.Tid);
    }

    public void Dispose()
    {
        foreach (Puppet puppet in _puppets.Values) puppet.Kill();
        _puppets.Clear();
    }

    private Puppet Make(int uid, int gid)
    {
        Puppet puppet = Sandbox.Enter(initPid, cgroup: null, []);
        try
        {
            // It is nobody's to look at before it has nothing: dumpable comes last.
            puppet.Run(
            [
                new(Syscall.close_range, 0, uint.MaxValue),
                new(Syscall.setgroups, 0, 0),
                new(Syscall.setresgid, gid, gid, gid),
                new(Syscall.setresuid, uid, uid, uid),
                new(Syscall.capset, puppet.Put(CapabilityData.Header), puppet.Put(new CapabilityData(0, 0, 0))),
                new(Syscall.prctl, Prctl.PR_SET_DUMPABLE, 1),
            ], "bystander");
            return puppet;
        }
        catch
        {
            puppet.Kill();
            throw;
        }
    }

    private static bool Stands(Puppet puppet)
    {
        try
        {
            return ProcStat.Read(puppet.Tid).State is not ('Z' or 'X');
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return false;
        }
    }
}
