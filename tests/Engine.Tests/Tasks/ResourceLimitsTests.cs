namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class ResourceLimitsTests
{
    private const int RLIMIT_CPU = 0, RLIMIT_CORE = 4, RLIMIT_NOFILE = 7;

    [Fact]
    public void Every_limit_is_the_same_afterwards()
    {
        using var puppets = new TwoPuppets();
        for (int i = 0; i < ResourceLimit.Count; i++)
        {
            ResourceLimit now = ResourceLimit.Get(puppets.Source.Tid, i);
            ulong lower = now.Hard == ResourceLimit.Infinity ? 1_000_000ul + (ulong)i : now.Hard / 2;
            Assert.Equal(0, ResourceLimit.TrySet(puppets.Source.Tid, i, new ResourceLimit(lower / 2, lower)));
        }

        puppets.Survive(new ResourceLimits());

        for (int i = 0; i < ResourceLimit.Count; i++)
            Assert.Equal(ResourceLimit.Get(puppets.Source.Tid, i), ResourceLimit.Get(puppets.Target.Tid, i));
        Assert.Empty(puppets.Warnings);
    }

    [Fact]
    public void Unlimited_is_not_a_number()
    {
        using var puppets = new TwoPuppets();
        Assert.Equal(0, ResourceLimit.TrySet(puppets.Source.Tid, RLIMIT_CORE, new ResourceLimit(0, ResourceLimit.Get(puppets.Source.Tid, RLIMIT_CORE).Hard)));

        ResourceLimits.Record record = puppets.Survive(new ResourceLimits())!;

        Assert.Equal(0ul, record.Limits[RLIMIT_CORE].Soft);
        Assert.Equal(ResourceLimit.Get(puppets.Source.Tid, RLIMIT_CPU).Hard == ResourceLimit.Infinity, record.Limits[RLIMIT_CPU].Hard is null);
    }

    [Fact]
    public void A_hard_limit_above_this_host_s_is_clamped_and_named()
    {
        const ulong CAP_SYS_RESOURCE = 1ul << 24;
        if ((ProcFields.Read("/proc/self/status").Hex("CapEff") & CAP_SYS_RESOURCE) != 0) Assert.Skip("this process may raise hard limits");
        using var puppets = new TwoPuppets();
        (TaskDump task, DumpContext dump) = puppets.Freeze();
        ResourceLimits.Record record = new ResourceLimits().Dump(task, dump);
        ulong hard = ResourceLimit.Get(puppets.Target.Tid, RLIMIT_NOFILE).Hard;
        var limits = record.Limits.ToList();
        limits[RLIMIT_NOFILE] = new ResourceLimits.Limit(hard + 5, hard + 10);
        (TaskRestore restored, RestoreContext context) = puppets.Restored();

        new ResourceLimits().Restore(new ResourceLimits.Record(limits), restored, context);

        Assert.Equal(new ResourceLimit(hard, hard), ResourceLimit.Get(puppets.Target.Tid, RLIMIT_NOFILE));
        Assert.Contains("RLIMIT_NOFILE", Assert.Single(context.Warnings));
    }
}
