namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class CredentialsTests
{
    private static readonly string[] Lines = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];
    private const int CAP_CHOWN = 0, CAP_NET_BIND_SERVICE = 10, CAP_NET_RAW = 13, SECBIT_KEEP_CAPS = 16, SECBIT_NOROOT_LOCKED = 3;

    [Fact]
    public void Root_with_all_its_capabilities_stays_so()
    {
        using var puppets = new TwoPuppets();
        AssertSurvives(puppets);
    }

    [Fact]
    public void A_user_without_privileges_has_none_afterwards()
    {
        using var puppets = new TwoPuppets();
        Puppet p = puppets.Source;
        p.Call("setgroups", Syscall.setgroups, 3, p.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>([4, 24, 65000])));
        p.Call("setresgid", Syscall.setresgid, 1000, 1001, 1002);
        p.Call("setresuid", Syscall.setresuid, 1000, 1000, 1000);
        p.Call("prctl", Syscall.prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1);

        AssertSurvives(puppets);
        Assert.Equal(0ul, Status(puppets.Target.Tid).Hex("CapPrm"));
        Assert.Equal(-Errno.EPERM, puppets.Target.TryCall(Syscall.setresuid, 0, 0, 0));
    }

    [Fact]
    public void Ambient_inheritable_and_bounding_sets_of_a_user_are_kept()
    {
        using var puppets = new TwoPuppets();
        Puppet p = puppets.Source;
        ulong kept = 1ul << CAP_NET_BIND_SERVICE | 1ul << CAP_CHOWN;
        p.Call("prctl", Syscall.prctl, Prctl.PR_CAPBSET_DROP, CAP_NET_RAW);
        p.Call("prctl", Syscall.prctl, Prctl.PR_SET_SECUREBITS, SECBIT_KEEP_CAPS);
        p.Call("setresuid", Syscall.setresuid, 1000, 1000, 1000);
        p.Call("capset", Syscall.capset, p.Put(CapabilityData.Header), p.Put(new CapabilityData(1ul << CAP_CHOWN, kept, 1ul << CAP_NET_BIND_SERVICE)));
        p.Call("prctl", Syscall.prctl, Prctl.PR_CAP_AMBIENT, Prctl.PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE);

        AssertSurvives(puppets);
        Assert.Equal(1ul << CAP_NET_BIND_SERVICE, Status(puppets.Target.Tid).Hex("CapAmb"));
        Assert.Equal(SECBIT_KEEP_CAPS, puppets.Target.Call("prctl", Syscall.prctl, Prctl.PR_GET_SECUREBITS));
    }

    [Fact]
    public void Locked_securebits_are_locked_afterwards()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED);

        AssertSurvives(puppets);
        Assert.Equal(SECBIT_NOROOT_LOCKED, puppets.Target.Call("prctl", Syscall.prctl, Prctl.PR_GET_SECUREBITS));
    }

    [Fact]
    public void Every_thread_has_them()
    {
        using var puppets = new TwoPuppets();
        (Puppet source, Puppet target) = puppets.AddThread();
        foreach (Puppet p in (Puppet[])[puppets.Source, source])
            p.Call("setresuid", Syscall.setresuid, 1000, 1000, 1000);

        AssertSurvives(puppets);
        Assert.Equal("1000\t1000\t1000\t1000", ProcFields.Read($"/proc/{puppets.Target.Tid}/task/{target.Tid}/status")["Uid"]);
    }

    [Fact]
    public void Threads_with_different_credentials_are_refused_before_and_in_the_dump()
    {
        using var puppets = new TwoPuppets();
        (Puppet source, _) = puppets.AddThread();
        source.Call("setresuid", Syscall.setresuid, 1000, 1000, 1000);
        (TaskDump task, DumpContext context) = puppets.Freeze();

        Assert.Contains("Uid", Assert.Single(new Credentials().Preflight(new LiveTask(task.Pids, task.Stat, task.Status))).Reason);
        Assert.Equal(EngineError.NotCarried, Assert.Throws<EngineException>(() => new Credentials().Dump(task, context)).Error);
    }

    [Fact]
    public void A_capability_that_this_host_cannot_give_is_an_error_that_names_it()
    {
        using var puppets = new TwoPuppets();
        (TaskDump task, DumpContext dump) = puppets.Freeze();
        Credentials.Record record = new Credentials().Dump(task, dump);
        (TaskRestore restored, RestoreContext context) = puppets.Restored();

        var error = Assert.Throws<EngineException>(() => new Credentials().Restore(record with { Permitted = record.Permitted | 1ul << 62 }, restored, context));

        Assert.Equal(EngineError.FeatureMissing, error.Error);
        Assert.Contains("0x4000000000000000", error.Reason);
    }

    private static void AssertSurvives(TwoPuppets puppets)
    {
        puppets.Survive(new Credentials());
        ProcFields before = Status(puppets.Source.Tid), after = Status(puppets.Target.Tid);
        foreach (string line in Lines)
            Assert.Equal($"{line}: {before[line]}", $"{line}: {after[line]}");
    }

    private static ProcFields Status(int pid) => ProcFields.Read($"/proc/{pid}/status");
}
