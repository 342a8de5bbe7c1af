using System.Text;

namespace ContainerGrains.Linux;

/// <summary>
/// A process that does what we say: a stopped, seized process with the <see cref="Stub"/> mapped, whose remote calls read like
/// local ones. It belongs to the thread that made it.
/// </summary>
public sealed class Puppet : Tracee
{
    private const int SIGCHLD = 17;
    private long _scratchUsed;
    private Regs _template;

    private Puppet(int tid, RemoteAddress stub, Regs template) : base(tid)
    {
        StubAddress = stub;
        _template = template;
    }

    public RemoteAddress StubAddress { get; private set; }

    /// <summary>Starts a seed as a child of this process, seizes it and gives it the stub.</summary>
    public static Puppet Spawn()
    {
        int pid = SeedImage.Spawn();
        try
        {
            Tracee seed = Seize(pid, Ptrace.PTRACE_O_EXITKILL);
            seed.InterruptAndWait();
            Regs regs = seed.Regs;
            MapStub(seed, SeedImage.SyscallInstruction, Stub.DefaultAddress);
            var puppet = new Puppet(pid, Stub.DefaultAddress, regs);
            puppet.Run([new(Syscall.close_range, 0, SeedImage.EnginePidFd - 1), new(Syscall.close_range, SeedImage.EnginePidFd + 1, uint.MaxValue)]);
            return puppet;
        }
        catch
        {
            _ = Kernel.Raw(Syscall.kill, pid, 9);
            Reap(pid);
            throw;
        }
    }

    /// <summary>
    /// Makes a puppet of the stopped main thread of a live process: maps the stub in it. Everything is undone by
    /// <see cref="Leave"/>; the registers are the caller's to keep. A target that ignores SIGTRAP loses that (force_sig): whoever
    /// infests it reads SigIgn first and puts it back.
    /// </summary>
    /// <param name="instruction">A <c>syscall</c> instruction of the target, in its vdso for example.</param>
    public static Puppet Infest(Tracee task, RemoteAddress instruction, RemoteAddress stub)
    {
        Regs regs = task.Regs;
        MapStub(task, instruction, stub);
        return new Puppet(task.Tid, stub, regs);
    }

    /// <summary>A puppet of another stopped thread of the same process, with the stub that is mapped already.</summary>
    public Puppet ForThread(int tid) => new(tid, StubAddress, Ptrace.GetRegs(tid));

    /// <summary>Unmaps the stub from a live process; the thread is in a syscall-exit stop afterwards, its registers not yet its own.</summary>
    public void Leave(RemoteAddress instruction) =>
        Result.Check(StepCall(instruction, new(Syscall.munmap, StubAddress, Stub.Size)), "munmap of the stub", Tid);

    /// <summary>Runs one call; throws on error.</summary>
    public long Call(string name, int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0) =>
        Result.Check(TryCall(number, a0, a1, a2, a3, a4, a5), $"{name} in puppet", Tid);

    /// <summary>Runs one call; the result or -errno.</summary>
    public long TryCall(int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0)
    {
        Span<RemoteCall> one = [new(number, a0, a1, a2, a3, a4, a5)];
        RunBatch(one, goOnAfterErrors: true);
        return one[0].Result;
    }

    /// <summary>Runs a batch in one stop per <see cref="Stub.MaxBatch"/> calls; throws at the first call that fails, later ones have not run.</summary>
    public void Run(Span<RemoteCall> calls, string what = "batch")
    {
        RunBatch(calls, goOnAfterErrors: false);
        for (int i = 0; i < calls.Length; i++)
            if (calls[i].Result is < 0 and >= -4095)
                throw new LinuxException($"{what}: syscall {calls[i].Number} (call {i} of {calls.Length}, args 0x{calls[i].A0:x} 0x{calls[i].A1:x} 0x{calls[i].A2:x} 0x{calls[i].A3:x}) in puppet", (int)-calls[i].Result, Tid);
    }

    /// <summary>Runs a batch; each call's <see cref="RemoteCall.Result"/> tells how it went.</summary>
    public void RunBatch(Span<RemoteCall> calls, bool goOnAfterErrors)
    {
        while (calls.Length > 0)
        {
            Span<RemoteCall> part = calls[..Math.Min(calls.Length, Stub.MaxBatch)];
            RunVector(part, goOnAfterErrors);
            if (!goOnAfterErrors && part[^1].Result == RemoteCall.NotRun || part[^1].Result is < 0 and >= -4095 && !goOnAfterErrors) return;
            calls = calls[part.Length..];
        }
    }

    /// <summary>Scratch space for arguments: kept until <see cref="ResetScratch"/>.</summary>
    /// <exception cref="LinuxException">ENOMEM: more than the stub's scratch space.</exception>
    public RemoteAddress Put(ReadOnlySpan<byte> bytes)
    {
        RemoteAddress address = Reserve(bytes.Length);
        RemoteMemory.Write(Tid, address, bytes);
        return address;
    }

    public RemoteAddress Put(string text) => Put(Files.Bytes(text));

    public unsafe RemoteAddress Put<T>(T value) where T : unmanaged => Put(new ReadOnlySpan<byte>(&value, sizeof(T)));

    public RemoteAddress Reserve(long length)
    {
        long aligned = (length + 15) & ~15;
        if (_scratchUsed + aligned > Stub.ScratchSize) throw new LinuxException("puppet scratch space", Errno.ENOMEM, Tid);
        RemoteAddress address = StubAddress + Stub.ScratchOffset + _scratchUsed;
        _scratchUsed += aligned;
        return address;
    }

    public void ResetScratch() => _scratchUsed = 0;

    /// <summary>
    /// clone3(2). The child is a puppet too (its own copy of the stub, or the same one with CLONE_VM). <paramref name="setTid"/>:
    /// the child's pids, innermost namespace first; empty lets the kernel choose.
    /// </summary>
    /// <param name="exitSignal">SIGCHLD (17) for an ordinary child, 0 for threads and direct children of the engine.</param>
    public Puppet Clone(ulong flags, int exitSignal, ReadOnlySpan<int> setTid, int cgroupFd = -1)
    {
        RemoteAddress tids = Reserve(64);
        for (int i = 0; i < setTid.Length; i++)
            RemoteMemory.Write(Tid, tids + i * 4, setTid[i]);
        Span<ulong> args = stackalloc ulong[11]; // struct clone_args, CLONE_ARGS_SIZE_VER2
        args.Clear();
        args[0] = flags | (cgroupFd >= 0 ? CloneFlags.CLONE_INTO_CGROUP : 0);
        args[4] = (ulong)exitSignal;
        args[8] = setTid.Length > 0 ? tids.Value : 0;
        args[9] = (ulong)setTid.Length;
        args[10] = cgroupFd >= 0 ? (ulong)cgroupFd : 0;
        RemoteAddress record = Put(System.Runtime.InteropServices.MemoryMarshal.AsBytes(args));

        var call = new RemoteCall(Syscall.clone3, record, 88);
        RemoteMemory.Write(Tid, StubAddress + Stub.VectorOffset, call);
        StartLoop(1, goOnAfterErrors: true);
        WaitStatus status = WaitForStopOrThrow("clone3");
        int childTid = 0;
        if (status.Event is Ptrace.PTRACE_EVENT_CLONE or Ptrace.PTRACE_EVENT_FORK or Ptrace.PTRACE_EVENT_VFORK)
        {
            childTid = (int)Ptrace.GetEventMessage(Tid);
            Continue();
            status = WaitForStopOrThrow("clone3");
        }
        CheckTrap(status);
        RemoteCall done = RemoteMemory.Read<RemoteCall>(Tid, StubAddress + Stub.VectorOffset);
        Result.Check(done.Result, $"clone3(flags 0x{flags:x}, set_tid [{string.Join(',', setTid.ToArray())}]) in puppet", Tid);
        var child = new Puppet(childTid, StubAddress, _template) { _scratchUsed = _scratchUsed };
        child.WaitForStopOrThrow("clone3 child");
        return child;
    }

    /// <summary>
    /// execve(2). On success the puppet is the new program, stopped before its first instruction, without stub; on error it is a
    /// puppet still.
    /// </summary>
    /// <returns>0 or -errno.</returns>
    public long Execve(RemoteAddress path, RemoteAddress argv, RemoteAddress envp)
    {
        RemoteMemory.Write(Tid, StubAddress + Stub.VectorOffset, new RemoteCall(Syscall.execve, path, argv, envp));
        StartLoop(1, goOnAfterErrors: true);
        WaitStatus status = WaitForStopOrThrow("execve");
        if (status.Event == Ptrace.PTRACE_EVENT_EXEC) return 0;
        CheckTrap(status);
        return RemoteMemory.Read<RemoteCall>(Tid, StubAddress + Stub.VectorOffset).Result;
    }

    /// <summary>Maps a stub at another address and goes on from there; the old one is unmapped.</summary>
    public void MoveStub(RemoteAddress target)
    {
        if (target == StubAddress) return;
        RemoteAddress old = StubAddress;
        MapStub(this, old + Stub.SyscallOffset, target);
        StubAddress = target;
        _scratchUsed = 0;
        Call("munmap", Syscall.munmap, old, Stub.Size);
    }

    /// <summary>Ends a puppet that is not to live: SIGKILL, and waits until it is gone.</summary>
    public void Kill()
    {
        if (IsGone) return;
        _ = Kernel.Raw(Syscall.kill, Tid, 9);
        Reap(Tid);
    }

    /// <summary>Ends with exit_group(2); its parent finds the zombie.</summary>
    public void Exit(int code)
    {
        RemoteMemory.Write(Tid, StubAddress + Stub.VectorOffset, new RemoteCall(Syscall.exit_group, code));
        StartLoop(1, goOnAfterErrors: true);
        Reap(Tid);
    }

    /// <summary>Ends by a signal; its parent finds the zombie.</summary>
    public void Die(int signal)
    {
        // Resumed with the signal, whose action is still the default one; what does not kill by itself could only have been SIGKILL.
        Ptrace.Call("ptrace(PTRACE_CONT)", Ptrace.PTRACE_CONT, Tid, 0, signal);
        Reap(Tid);
    }

    private static void MapStub(Tracee task, RemoteAddress instruction, RemoteAddress address)
    {
        const int PROT_RWX = 7, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_FIXED_NOREPLACE = 0x100000;
        long mapped = task.StepCall(instruction, new(Syscall.mmap, address, Stub.Size, PROT_RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
        Result.Check(mapped, "mmap of the stub", task.Tid);
        RemoteMemory.Write(task.Tid, address, Stub.Code());
    }

    private unsafe void RunVector(Span<RemoteCall> calls, bool goOnAfterErrors)
    {
        Span<byte> bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(calls);
        RemoteMemory.Write(Tid, StubAddress + Stub.VectorOffset, bytes);
        StartLoop(calls.Length, goOnAfterErrors);
        CheckTrap(WaitForStopOrThrow("remote batch"));
        RemoteMemory.Read(Tid, StubAddress + Stub.VectorOffset, bytes);
    }

    private void StartLoop(int count, bool goOnAfterErrors)
    {
        Regs regs = _template;
        regs.rip = StubAddress.Value + Stub.LoopOffset;
        regs.r15 = StubAddress.Value + Stub.VectorOffset;
        regs.r14 = (ulong)count;
        regs.r13 = goOnAfterErrors ? 1u : 0u;
        regs.rsp = StubAddress.Value + (ulong)Stub.Size - 64;
        regs.orig_rax = ulong.MaxValue;
        regs.rax = 0;
        Regs = regs;
        Continue();
    }

    private void CheckTrap(WaitStatus status)
    {
        const int limit = 64;
        for (int i = 0; i < limit; i++)
        {
            if (status.Event == 0 && status.StopSignal == WaitStatus.SIGTRAP) return;
            // A child that has ended says so; tracees are told of ignored signals too.
            if (status.Event == 0 && status.StopSignal != SIGCHLD) throw new LinuxException($"puppet {status} at 0x{Regs.rip:x}", Errno.EFAULT, Tid);
            Continue();
            status = WaitForStopOrThrow("remote batch");
        }
        throw new LinuxException("puppet: no trap", Errno.EBUSY, Tid);
    }

    private static void Reap(int pid)
    {
        const int limit = 64;
        try
        {
            for (int i = 0; i < limit && !WaitStatus.Wait(pid).Status.IsGone; i++) { }
        }
        catch (LinuxException e) when (e.Errno == Errno.ECHILD)
        {
            // Somebody else's child, or reaped already: gone either way.
        }
    }
}
