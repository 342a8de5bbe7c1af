using System.Buffers.Binary;

namespace ContainerGrains.Engine.Tests.TaskRooms;

public sealed class SeccompTests
{
    private const int SECCOMP_SET_MODE_FILTER = 1, SECCOMP_FILTER_FLAG_LOG = 2;
    private const uint Allow = 0x7fff0000, Notify = 0x7fc00000;

    [Fact]
    public void Filters_are_kept_in_order_in_every_thread_and_bind_when_the_tracer_lets_go()
    {
        using var puppets = new TwoPuppets();
        (Puppet sourceThread, Puppet targetThread) = puppets.AddThread();
        Install(puppets.Source, Deny(Syscall.getppid, Errno.EPERM));
        Install(puppets.Source, Deny(Syscall.getppid, Errno.ENOSYS), SECCOMP_FILTER_FLAG_LOG);
        Install(sourceThread, Deny(Syscall.getpgrp, Errno.EACCES));
        Assert.Equal(-Errno.ENOSYS, puppets.Source.TryCall(Syscall.getppid)); // of two errors the newest

        Seccomp.Record record = puppets.Survive(new Seccomp())!;

        Assert.Equal([2, 1], record.Threads.Select(t => t.Filters.Count));
        Assert.Equal([0ul, SECCOMP_FILTER_FLAG_LOG], record.Threads[0].Filters.Select(f => f.Flags));
        Assert.True(puppets.Target.TryCall(Syscall.getppid) > 0); // suspended while it is restored
        Resume(puppets.Target);
        Resume(targetThread);
        Assert.Equal(-Errno.ENOSYS, puppets.Target.TryCall(Syscall.getppid));
        Assert.True(puppets.Target.TryCall(Syscall.getpgrp) > 0);
        Assert.Equal(-Errno.EACCES, targetThread.TryCall(Syscall.getpgrp));
        Assert.Equal(Ptrace.GetSeccompFilter(puppets.Source.Tid, 0), Ptrace.GetSeccompFilter(puppets.Target.Tid, 0));
    }

    [Fact]
    public void Filters_survive_together_with_the_loss_of_all_privileges()
    {
        using var puppets = new TwoPuppets();
        Install(puppets.Source, Deny(Syscall.getppid, Errno.EPERM));
        puppets.Source.Call("setresuid", Syscall.setresuid, 1000, 1000, 1000);

        puppets.Survive(new Seccomp());
        puppets.Survive(new Credentials());

        Resume(puppets.Target);
        Assert.Equal(-Errno.EPERM, puppets.Target.TryCall(Syscall.getppid));
        Assert.Equal(1000, puppets.Target.TryCall(Syscall.getuid));
    }

    [Fact]
    public void A_process_without_seccomp_has_no_record()
    {
        using var puppets = new TwoPuppets();

        Assert.Null(puppets.Survive(new Seccomp()));
    }

    [Fact]
    public void A_filter_that_asks_a_supervisor_is_refused()
    {
        using var puppets = new TwoPuppets();
        Install(puppets.Source, Filter(Syscall.getppid, Notify));
        (TaskDump task, DumpContext context) = puppets.Freeze();

        Assert.Equal(EngineError.NotCarried, Assert.Throws<EngineException>(() => new Seccomp().Dump(task, context)).Error);
    }

    [Fact]
    public void A_damaged_filter_is_an_error_of_the_image()
    {
        using var puppets = new TwoPuppets();
        (TaskRestore task, RestoreContext context) = puppets.Restored([new byte[7]]);
        var record = new Seccomp.Record([new Seccomp.ThreadState(puppets.Target.Tid, 2, [new Seccomp.Filter(0, 0)])]);

        Assert.Equal(EngineError.BadImage, Assert.Throws<EngineException>(() => new Seccomp().Restore(record, task, context)).Error);
    }

    private static byte[] Deny(int call, int errno) => Filter(call, 0x00050000u | (uint)errno);

    /// <summary>load the number; if it is this call: action; else allow.</summary>
    private static byte[] Filter(int call, uint action)
    {
        byte[] program = new byte[32];
        Instruction(0, 0x20, 0, 0, 0);
        Instruction(1, 0x15, 0, 1, (uint)call);
        Instruction(2, 0x06, 0, 0, action);
        Instruction(3, 0x06, 0, 0, Allow);
        return program;

        void Instruction(int index, ushort code, byte jt, byte jf, uint k)
        {
            Span<byte> at = program.AsSpan(index * 8);
            BinaryPrimitives.WriteUInt16LittleEndian(at, code);
            (at[2], at[3]) = (jt, jf);
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], k);
        }
    }

    private static void Install(Puppet puppet, byte[] program, int flags = 0)
    {
        byte[] sockFprog = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(sockFprog, (ushort)(program.Length / 8));
        BinaryPrimitives.WriteUInt64LittleEndian(sockFprog.AsSpan(8), puppet.Put(program).Value);
        puppet.Call("seccomp", Syscall.seccomp, SECCOMP_SET_MODE_FILTER, flags, puppet.Put(sockFprog));
    }

    private static void Resume(Puppet puppet) => Ptrace.SetOptions(puppet.Tid, Tracee.Options | Ptrace.PTRACE_O_EXITKILL);
}
