using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>ptrace(2). Every call belongs to the thread that seized the tracee.</summary>
public static unsafe class Ptrace
{
    public const int PTRACE_CONT = 7, PTRACE_SINGLESTEP = 9, PTRACE_SYSCALL = 24, PTRACE_DETACH = 17, PTRACE_SEIZE = 0x4206, PTRACE_INTERRUPT = 0x4207,
        PTRACE_LISTEN = 0x4208, PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205, PTRACE_GETEVENTMSG = 0x4201, PTRACE_GETSIGINFO = 0x4202,
        PTRACE_PEEKSIGINFO = 0x4209, PTRACE_GETSIGMASK = 0x420a, PTRACE_SETSIGMASK = 0x420b, PTRACE_SETOPTIONS = 0x4200,
        PTRACE_SECCOMP_GET_FILTER = 0x420c, PTRACE_SECCOMP_GET_METADATA = 0x420d, PTRACE_GET_RSEQ_CONFIGURATION = 0x420f;
    public const int PTRACE_O_TRACESYSGOOD = 1, PTRACE_O_TRACEFORK = 2, PTRACE_O_TRACEVFORK = 4, PTRACE_O_TRACECLONE = 8, PTRACE_O_TRACEEXEC = 0x10,
        PTRACE_O_TRACEEXIT = 0x40, PTRACE_O_EXITKILL = 0x100000, PTRACE_O_SUSPEND_SECCOMP = 0x200000;
    public const int PTRACE_EVENT_FORK = 1, PTRACE_EVENT_VFORK = 2, PTRACE_EVENT_CLONE = 3, PTRACE_EVENT_EXEC = 4, PTRACE_EVENT_EXIT = 6, PTRACE_EVENT_STOP = 128;
    private const int NT_PRSTATUS = 1, NT_X86_XSTATE = 0x202;

    public static long Raw(int request, int tid, long address = 0, long data = 0) => Kernel.Raw(Syscall.ptrace, request, tid, address, data);

    public static void Call(string name, int request, int tid, long address = 0, long data = 0) =>
        Result.Check(Raw(request, tid, address, data), name, tid);

    public static void Seize(int tid, int options) => Call("ptrace(PTRACE_SEIZE)", PTRACE_SEIZE, tid, 0, options);
    public static void Interrupt(int tid) => Call("ptrace(PTRACE_INTERRUPT)", PTRACE_INTERRUPT, tid);
    public static void Detach(int tid, int signal = 0) => Call("ptrace(PTRACE_DETACH)", PTRACE_DETACH, tid, 0, signal);

    public static Regs GetRegs(int tid)
    {
        Regs regs;
        Iovec iov = new(&regs, sizeof(Regs));
        Call("ptrace(PTRACE_GETREGSET)", PTRACE_GETREGSET, tid, NT_PRSTATUS, (long)(&iov));
        return regs;
    }

    public static void SetRegs(int tid, Regs regs)
    {
        Iovec iov = new(&regs, sizeof(Regs));
        Call("ptrace(PTRACE_SETREGSET)", PTRACE_SETREGSET, tid, NT_PRSTATUS, (long)(&iov));
    }

    /// <summary>The XSAVE area of a thread, as long as the processor's enabled states need (up to AVX-512 and beyond).</summary>
    public static byte[] GetXState(int tid)
    {
        byte[] area = new byte[16384];
        fixed (byte* p = area)
        {
            Iovec iov = new(p, area.Length);
            Call("ptrace(PTRACE_GETREGSET, NT_X86_XSTATE)", PTRACE_GETREGSET, tid, NT_X86_XSTATE, (long)(&iov));
            return area.AsSpan(0, (int)iov.Length).ToArray();
        }
    }

    public static void SetXState(int tid, ReadOnlySpan<byte> area)
    {
        fixed (byte* p = area)
        {
            Iovec iov = new(p, area.Length);
            Call("ptrace(PTRACE_SETREGSET, NT_X86_XSTATE)", PTRACE_SETREGSET, tid, NT_X86_XSTATE, (long)(&iov));
        }
    }

    public static ulong GetSignalMask(int tid)
    {
        ulong mask;
        Call("ptrace(PTRACE_GETSIGMASK)", PTRACE_GETSIGMASK, tid, 8, (long)(&mask));
        return mask;
    }

    public static void SetSignalMask(int tid, ulong mask) => Call("ptrace(PTRACE_SETSIGMASK)", PTRACE_SETSIGMASK, tid, 8, (long)(&mask));

    /// <summary>Pending signals, siginfo_t of 128 bytes each; with <paramref name="shared"/> those of the whole process.</summary>
    public static List<byte[]> PeekSignals(int tid, bool shared)
    {
        const int batch = 32, size = 128, limit = 65536;
        var signals = new List<byte[]>();
        byte* area = stackalloc byte[batch * size];
        PeekArgs args = new() { Flags = shared ? 1u : 0u, Count = batch };
        while (signals.Count < limit)
        {
            args.Offset = (ulong)signals.Count;
            long got = Result.Check(Raw(PTRACE_PEEKSIGINFO, tid, (long)(&args), (long)area), "ptrace(PTRACE_PEEKSIGINFO)", tid);
            for (int i = 0; i < got; i++)
                signals.Add(new ReadOnlySpan<byte>(area + i * size, size).ToArray());
            if (got < batch) break;
        }
        return signals;
    }

    public static void SetOptions(int tid, int options) => Call("ptrace(PTRACE_SETOPTIONS)", PTRACE_SETOPTIONS, tid, 0, options);

    /// <summary>A seccomp filter of the thread as instructions of 8 bytes, 0 being the one installed first; null when there are no more.</summary>
    /// <exception cref="LinuxException">EACCES: needs CAP_SYS_ADMIN and a tracer without seccomp; EINVAL: the kernel lacks CONFIG_CHECKPOINT_RESTORE.</exception>
    public static byte[]? GetSeccompFilter(int tid, int index)
    {
        const int instructionBytes = 8;
        long count = Raw(PTRACE_SECCOMP_GET_FILTER, tid, index, 0);
        if (count is -Errno.ENOENT) return null;
        byte[] filter = new byte[Result.Check(count, "ptrace(PTRACE_SECCOMP_GET_FILTER)", tid) * instructionBytes];
        fixed (byte* p = filter)
            Call("ptrace(PTRACE_SECCOMP_GET_FILTER)", PTRACE_SECCOMP_GET_FILTER, tid, index, (long)p);
        return filter;
    }

    /// <summary>Flags that a seccomp filter was installed with, as far as the kernel keeps them (SECCOMP_FILTER_FLAG_LOG).</summary>
    public static ulong GetSeccompFlags(int tid, int index)
    {
        ulong* metadata = stackalloc ulong[2] { (ulong)index, 0 };
        Call("ptrace(PTRACE_SECCOMP_GET_METADATA)", PTRACE_SECCOMP_GET_METADATA, tid, 2 * sizeof(ulong), (long)metadata);
        return metadata[1];
    }

    /// <summary>Value that belongs to the last event stop: the new task's real pid for clone and fork.</summary>
    public static long GetEventMessage(int tid)
    {
        ulong message;
        Call("ptrace(PTRACE_GETEVENTMSG)", PTRACE_GETEVENTMSG, tid, 0, (long)(&message));
        return (long)message;
    }

    /// <summary>The rseq area that a thread registered; all zero when none (struct ptrace_rseq_configuration).</summary>
    public static RseqConfiguration GetRseq(int tid)
    {
        RseqConfiguration rseq;
        Call("ptrace(PTRACE_GET_RSEQ_CONFIGURATION)", PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof(RseqConfiguration), (long)(&rseq));
        return rseq;
    }

    private struct PeekArgs { public ulong Offset; public uint Flags; public int Count; }
}

/// <summary>struct ptrace_rseq_configuration (linux/ptrace.h).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RseqConfiguration
{
    public ulong Pointer;
    public uint Size, Signature, Flags, Pad;
}

/// <summary>struct iovec: an address and a length in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly unsafe struct Iovec(void* address, long length)
{
    public readonly void* Address = address;
    public readonly long Length = length;
    public Iovec(ulong address, long length) : this((void*)address, length) { }
}
