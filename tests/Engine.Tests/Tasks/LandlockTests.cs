namespace ContainerGrains.Engine.Tests.TaskRooms;

/// <summary>The last word in the freeze; what is asked before stands in the survival tests (RefusalTests).</summary>
public sealed class LandlockTests
{
    private const long LANDLOCK_ACCESS_FS_MAKE_FIFO = 1 << 10;

    [Fact]
    public void A_frozen_process_in_a_domain_is_refused()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1);
        (TaskDump before, DumpContext context) = puppets.Freeze();
        Assert.Null(new Landlock().Dump(before, context));

        Restrict(puppets.Source);

        (TaskDump task, context) = puppets.Freeze();
        EngineException refusal = Assert.Throws<EngineException>(() => new Landlock().Dump(task, context));
        Assert.Equal(EngineError.NotCarried, refusal.Error);
        Assert.Contains("Landlock", refusal.Message);
    }

    [Fact]
    public void A_single_thread_in_a_domain_is_refused_by_its_number()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1);
        (Puppet thread, _) = puppets.AddThread();
        Restrict(thread);

        (TaskDump task, DumpContext context) = puppets.Freeze();

        EngineException refusal = Assert.Throws<EngineException>(() => new Landlock().Dump(task, context));
        Assert.Contains($"thread {task.Threads[1].VirtualTid}", refusal.Message);
    }

    [Fact]
    public void A_process_of_another_user_that_may_look_at_its_like_is_in_none()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1);
        puppets.Source.Call("setresgid", Syscall.setresgid, 1234, 1234, 1234);
        puppets.Source.Call("setresuid", Syscall.setresuid, 1234, 1234, 1234);

        (TaskDump task, DumpContext context) = puppets.Freeze();

        Assert.Null(new Landlock().Dump(task, context));
    }

    private static void Restrict(Puppet puppet)
    {
        puppet.ResetScratch();
        long rules = puppet.TryCall(Syscall.landlock_create_ruleset, puppet.Put(LANDLOCK_ACCESS_FS_MAKE_FIFO), sizeof(long), 0);
        if (rules is -Errno.ENOSYS or -Errno.EOPNOTSUPP) Assert.Skip("This kernel has no Landlock.");
        Assert.True(rules >= 0, $"landlock_create_ruleset: {rules}");
        puppet.Call("landlock_restrict_self", Syscall.landlock_restrict_self, rules, 0);
        puppet.Call("close", Syscall.close, rules);
    }
}
