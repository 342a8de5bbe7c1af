using System.Buffers.Binary;

namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class PendingSignalsTests
{
    private const int SIGUSR1 = 10, SIGRTMIN = 34, SI_USER = 0, SI_QUEUE = -1, SI_KERNEL = 128;

    [Fact]
    public void Queued_signals_keep_order_and_siginfo_also_those_that_look_as_if_the_kernel_had_sent_them()
    {
        using var puppets = new TwoPuppets();
        Ptrace.SetSignalMask(puppets.Source.Tid, ~Signals.Bit(Signals.SIGTRAP));
        byte[][] sent = [Info(SIGRTMIN, SI_QUEUE, 1), Info(SIGRTMIN, SI_USER, 2), Info(SIGRTMIN, SI_QUEUE, 3), Info(SIGUSR1, SI_KERNEL, 4)];
        foreach (byte[] info in sent)
            puppets.Source.Call("rt_sigqueueinfo", Syscall.rt_sigqueueinfo, puppets.Source.Tid, BinaryPrimitives.ReadInt32LittleEndian(info), puppets.Source.Put(info));

        puppets.Survive(new PendingSignals());

        List<byte[]> got = Ptrace.PeekSignals(puppets.Target.Tid, shared: true);
        Assert.Equal(Ptrace.PeekSignals(puppets.Source.Tid, shared: true), got);
        Assert.Equal([1, 2, 3], got.Where(g => g[0] == SIGRTMIN).Select(g => g[24]));
        Assert.Equal(Signals.Bit(SIGRTMIN) | Signals.Bit(SIGUSR1), ProcFields.Read($"/proc/{puppets.Target.Tid}/status").Hex("ShdPnd"));
    }

    [Fact]
    public void A_thread_s_own_signals_go_to_that_thread()
    {
        using var puppets = new TwoPuppets();
        (Puppet source, Puppet target) = puppets.AddThread();
        Ptrace.SetSignalMask(source.Tid, ~Signals.Bit(Signals.SIGTRAP));
        source.Call("rt_tgsigqueueinfo", Syscall.rt_tgsigqueueinfo, puppets.Source.Tid, source.Tid, SIGRTMIN, source.Put(Info(SIGRTMIN, SI_KERNEL, 7)));

        puppets.Survive(new PendingThreadSignals());

        Assert.Equal(Ptrace.PeekSignals(source.Tid, shared: false), Assert.Single<byte[]>(Ptrace.PeekSignals(target.Tid, shared: false)) is var one ? [one] : []);
        Assert.Empty(Ptrace.PeekSignals(puppets.Target.Tid, shared: false));
        Assert.Empty(Ptrace.PeekSignals(puppets.Target.Tid, shared: true));
    }

    [Fact]
    public void Batches_still_run_with_signals_pending()
    {
        using var puppets = new TwoPuppets();
        Ptrace.SetSignalMask(puppets.Source.Tid, ~Signals.Bit(Signals.SIGTRAP));
        puppets.Source.Call("rt_sigqueueinfo", Syscall.rt_sigqueueinfo, puppets.Source.Tid, SIGUSR1, puppets.Source.Put(Info(SIGUSR1, SI_USER, 0)));

        puppets.Survive(new PendingSignals());

        Assert.Equal(puppets.Target.Tid, puppets.Target.Call("getpid", Syscall.getpid));
    }

    [Fact]
    public void A_damaged_record_is_an_error_of_the_image()
    {
        using var puppets = new TwoPuppets();
        (TaskRestore task, RestoreContext context) = puppets.Restored();

        var error = Assert.Throws<EngineException>(() => new PendingSignals().Restore(new PendingSignals.Record([new byte[3]]), task, context));

        Assert.Equal(EngineError.BadImage, error.Error);
    }

    private static byte[] Info(int signal, int code, byte value)
    {
        byte[] info = new byte[128];
        BinaryPrimitives.WriteInt32LittleEndian(info, signal);
        BinaryPrimitives.WriteInt32LittleEndian(info.AsSpan(8), code);
        info[24] = value; // si_value
        return info;
    }
}
