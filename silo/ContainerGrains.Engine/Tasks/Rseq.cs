using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A thread's area for restartable sequences: rseq(2), PTRACE_GET_RSEQ_CONFIGURATION in ptrace(2). Running anything else in a thread that
/// stopped inside a critical section ends the section for the kernel, so the thread must go on at the section's abort
/// handler: <see cref="LeaveCriticalSection"/>, before the first injection, on both sides.
/// </summary>
public sealed class Rseq : ThreadResource<Rseq.Record>
{
    public sealed record Record(ulong Address, uint Size, uint Signature);

    /// <summary>Offset of rseq_cs in struct rseq.</summary>
    private const int CriticalSectionOffset = 8;
    private const uint SmallestBytes = 32;

    public override string Kind => "rseq";
    public override RestoreStage Stage => RestoreStage.Threads;

    public override Record? Dump(ThreadDump thread, DumpContext context)
    {
        RseqConfiguration rseq = Ptrace.GetRseq(thread.Tid);
        return rseq.Pointer != 0 ? new Record(rseq.Pointer, rseq.Size, rseq.Signature) : null;
    }

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context)
    {
        long result = thread.Agent.TryCall(Syscall.rseq, (long)record.Address, record.Size, 0, record.Signature);
        // A forked child has its parent's registration already.
        if (result is < 0 and not -Errno.EBUSY)
            throw new EngineException(EngineError.FeatureMissing, $"restore: thread {thread.VirtualTid}, {Kind}",
                $"this kernel does not take the thread's rseq area of {record.Size} bytes ({Errno.Name((int)-result)}); restore on a kernel of the same version or newer");
    }

    /// <summary>The registers as they are to be when the thread goes on after something else was run in it.</summary>
    public static Regs LeaveCriticalSection(int tid, Regs regs)
    {
        RseqConfiguration rseq = Ptrace.GetRseq(tid);
        if (rseq.Pointer == 0 || rseq.Size < SmallestBytes) return regs;
        try
        {
            ulong section = RemoteMemory.Read<ulong>(tid, new RemoteAddress(rseq.Pointer) + CriticalSectionOffset);
            if (section == 0) return regs;
            var cs = RemoteMemory.Read<RseqCriticalSection>(tid, new RemoteAddress(section));
            if (regs.rip - cs.StartIp < cs.PostCommitOffset) regs.rip = cs.AbortIp;
            return regs;
        }
        catch (LinuxException e) when (e.Errno == Errno.EFAULT)
        {
            // The kernel kills such a thread at its next preemption; it is not for us to do it earlier.
            return regs;
        }
    }
}
