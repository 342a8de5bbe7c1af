namespace ContainerGrains.Engine.Tests.TaskRooms;

/// <summary>Rooms that are one number each.</summary>
public sealed class SmallTaskRoomsTests
{
    private const int ADDR_NO_RANDOMIZE = 0x0040000;

    [Fact]
    public void Umask_is_kept()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("umask", Syscall.umask, 0x1C7);

        puppets.Survive(new Umask());

        Assert.Equal(0x1C7, puppets.Target.Call("umask", Syscall.umask, 0));
    }

    [Fact]
    public void Personality_is_kept()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("personality", Syscall.personality, ADDR_NO_RANDOMIZE);

        puppets.Survive(new Personality());

        Assert.Equal(ADDR_NO_RANDOMIZE, puppets.Target.Call("personality", Syscall.personality, uint.MaxValue));
    }

    [Fact]
    public void Dumpable_is_kept()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_DUMPABLE, 0);

        puppets.Survive(new Dumpable());

        Assert.Equal(0, puppets.Target.Call("prctl", Syscall.prctl, Prctl.PR_GET_DUMPABLE));
    }

    [Fact]
    public void Child_subreaper_is_kept_and_absent_when_it_is_none()
    {
        using var puppets = new TwoPuppets();
        Assert.Null(puppets.Survive(new ChildSubreaper()));
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 1);

        puppets.Survive(new ChildSubreaper());

        Assert.Equal(1, Word(puppets.Target, Prctl.PR_GET_CHILD_SUBREAPER));
    }

    [Fact]
    public void Transparent_huge_pages_stay_switched_off()
    {
        using var puppets = new TwoPuppets();
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_THP_DISABLE, 1);

        puppets.Survive(new TransparentHugePages());

        Assert.Equal(1, puppets.Target.Call("prctl", Syscall.prctl, Prctl.PR_GET_THP_DISABLE));
    }

    [Fact]
    public void Refusal_of_writable_code_is_kept()
    {
        using var puppets = new TwoPuppets();
        Assert.Null(puppets.Survive(new DenyWriteExecute()));
        puppets.Source.Call("prctl", Syscall.prctl, Prctl.PR_SET_MDWE, 1);

        puppets.Survive(new DenyWriteExecute());

        const int PROT_RWX = 7, MAP_PRIVATE_ANONYMOUS = 0x22;
        Assert.Equal(-Errno.EACCES, puppets.Target.TryCall(Syscall.mmap, 0, 4096, PROT_RWX, MAP_PRIVATE_ANONYMOUS, -1, 0));
    }

    [Fact]
    public void Merging_of_memory_is_kept()
    {
        using var puppets = new TwoPuppets();
        if (puppets.Source.TryCall(Syscall.prctl, Prctl.PR_SET_MEMORY_MERGE, 1) < 0) Assert.Skip("a kernel without KSM");

        puppets.Survive(new MemoryMerge());

        Assert.Equal(1, puppets.Target.Call("prctl", Syscall.prctl, Prctl.PR_GET_MEMORY_MERGE));
    }

    [Fact]
    public void A_process_with_segments_of_its_own_is_refused()
    {
        using var puppets = new TwoPuppets();
        Assert.Null(puppets.Survive(new LocalDescriptorTable()));
        // struct user_desc: entry 0, base 0, limit 0xfffff, 32-bit, in pages, usable.
        long made = puppets.Source.TryCall(Syscall.modify_ldt, 1, puppets.Source.Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes<uint>([0, 0, 0xfffff, 0x51])), 16);
        if (made < 0) Assert.Skip("a kernel without modify_ldt");
        (TaskDump task, DumpContext context) = puppets.Freeze();

        Assert.Equal(EngineError.NotCarried, Assert.Throws<EngineException>(() => new LocalDescriptorTable().Dump(task, context)).Error);
    }

    [Fact]
    public void Oom_score_is_kept()
    {
        using var puppets = new TwoPuppets();
        Files.WriteText($"/proc/{puppets.Source.Tid}/oom_score_adj", "777");

        puppets.Survive(new OomScore());

        Assert.Equal("777\n", Files.ReadText($"/proc/{puppets.Target.Tid}/oom_score_adj"));
    }

    [Fact]
    public void Coredump_filter_is_kept()
    {
        using var puppets = new TwoPuppets();
        Files.WriteText($"/proc/{puppets.Source.Tid}/coredump_filter", "0x5");

        puppets.Survive(new CoredumpFilter());

        Assert.Equal(Files.ReadText($"/proc/{puppets.Source.Tid}/coredump_filter"), Files.ReadText($"/proc/{puppets.Target.Tid}/coredump_filter"));
    }

    private static int Word(Puppet puppet, int operation)
    {
        RemoteAddress answer = puppet.Put(0L);
        puppet.Call("prctl", Syscall.prctl, operation, answer);
        return RemoteMemory.Read<int>(puppet.Tid, answer);
    }
}
