namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class SignalActionsTests
{
    private const int SIGHUP = 1, SIGUSR1 = 10, SIGRTMAX = 64;
    private const ulong SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_RESTART = 0x10000000, SA_NOCLDWAIT = 2, SIG_IGN = 1;

    [Fact]
    public void Handlers_flags_restorers_and_masks_are_the_same()
    {
        using var puppets = new TwoPuppets();
        Set(puppets.Source, SIGUSR1, 0x401000, SA_SIGINFO | SA_RESTART | SA_RESTORER, 0x402000, 0xdead);
        Set(puppets.Source, SIGRTMAX, 0x403000, SA_RESTORER, 0x402000, 0);
        Set(puppets.Source, SIGHUP, SIG_IGN, 0, 0, 0);

        puppets.Survive(new SignalActions());

        Assert.Equal((0x401000ul, SA_SIGINFO | SA_RESTART | SA_RESTORER, 0x402000ul, 0xdeadul), Get(puppets.Target, SIGUSR1));
        Assert.Equal((0x403000ul, SA_RESTORER, 0x402000ul, 0ul), Get(puppets.Target, SIGRTMAX));
        Assert.Equal((SIG_IGN, 0ul, 0ul, 0ul), Get(puppets.Target, SIGHUP));
    }

    [Fact]
    public void Flags_of_SIGCHLD_are_kept_though_its_action_is_the_default()
    {
        using var puppets = new TwoPuppets();
        Set(puppets.Source, Signals.SIGCHLD, 0, SA_NOCLDWAIT, 0, 0);

        puppets.Survive(new SignalActions());

        Assert.Equal(SA_NOCLDWAIT, Get(puppets.Target, Signals.SIGCHLD).Flags);
    }

    [Fact]
    public void A_process_without_handlers_has_no_record()
    {
        using var puppets = new TwoPuppets();

        Assert.Null(puppets.Survive(new SignalActions()));
    }

    [Fact]
    public void SIGTRAP_stays_out_of_the_batch_and_is_set_by_a_step()
    {
        using var puppets = new TwoPuppets();
        SignalActions.SetTrapAction(puppets.Source, new SignalActions.SignalAction(Signals.SIGTRAP, SIG_IGN, 0, 0, 0));
        (TaskDump task, DumpContext context) = puppets.Freeze();

        SignalActions.Record record = new SignalActions().Dump(task, context)!;
        (TaskRestore restored, RestoreContext restore) = puppets.Restored();
        new SignalActions().Restore(record, restored, restore);

        Assert.Equal(0ul, Status(puppets.Target).Hex("SigIgn"));
        SignalActions.SetTrapAction(puppets.Target, SignalActions.TrapAction(record)!);
        Assert.Equal(Signals.Bit(Signals.SIGTRAP), Status(puppets.Target).Hex("SigIgn"));

        // The batch of the dump made the source lose it: it is told what to give back.
        Assert.Equal(0ul, Status(puppets.Source).Hex("SigIgn"));
        SignalActions.SetTrapAction(puppets.Source, SignalActions.LostTrapAction(task)!);
        Assert.Equal(Signals.Bit(Signals.SIGTRAP), Status(puppets.Source).Hex("SigIgn"));
    }

    private static ProcFields Status(Puppet puppet) => ProcFields.Read($"/proc/{puppet.Tid}/status");

    private static void Set(Puppet puppet, int signal, ulong handler, ulong flags, ulong restorer, ulong mask) =>
        puppet.Call("rt_sigaction", Syscall.rt_sigaction, signal, puppet.Put(new KernelSigAction { Handler = handler, Flags = flags, Restorer = restorer, Mask = mask }), 0, 8);

    private static (ulong Handler, ulong Flags, ulong Restorer, ulong Mask) Get(Puppet puppet, int signal)
    {
        RemoteAddress address = puppet.Put(default(KernelSigAction));
        puppet.Call("rt_sigaction", Syscall.rt_sigaction, signal, 0, address, 8);
        var action = RemoteMemory.Read<KernelSigAction>(puppet.Tid, address);
        return (action.Handler, action.Flags, action.Restorer, action.Mask);
    }
}
