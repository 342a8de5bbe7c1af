using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Lets a system call that the freeze interrupted go on as if nothing had happened: signal(7), "Interruption of system calls",
/// restart_syscall(2).
/// </summary>
/// <remarks>
/// The kernel restarts an interrupted call by itself, when it lets a thread go from a stop in its signal path (not from a
/// syscall-exit stop: <see cref="Tracee.Park"/>) with a restart code in rax and the call's number in orig_rax; a signal that came in
/// the meantime is handled as the code says. So the code stays in the registers, and two kinds of calls are changed:
/// those that wait with a restart block (ERESTART_RESTARTBLOCK), which the restored thread does not have, and those that come back with
/// EINTR from every stop. Both get ERESTARTNOHAND, which says "again, unless a handler runs", and the time that remained.
/// So does a thread with a restart block that thaws where it was: it would be in restart_syscall(2) then, and the next freeze could not
/// tell for how long it has waited. Only if that is not known now either the kernel goes on by its block.
/// A time in memory is put below the thread's red zone, where nothing lives and nothing runs before the call reads it.
/// </remarks>
public static class SyscallRestart
{
    /// <summary>Switches of a sleeping thread on its way into the freeze: into the cgroup's freezer, and into the stop.</summary>
    private const int MostSwitchesOfFreeze = 2;
    private const long OversleepNs = 1_000_000;
    private const int RedZoneBytes = 128, TimeSpecRoomBytes = 64;
    private const int FUTEX_WAIT = 0, FUTEX_WAIT_BITSET = 9, FUTEX_COMMANDS = 127;
    private const int CLOCK_PROCESS_CPUTIME_ID = 2, CLOCK_THREAD_CPUTIME_ID = 3, LastClock = 11;

    /// <summary>
    /// Sets <see cref="ThreadDump.Regs"/> and <see cref="ThreadDump.ResumeRegs"/>. To be called once for each thread, when it has stopped
    /// and before anything is run in it.
    /// </summary>
    /// <param name="frozenAtNs">When it was frozen, on CLOCK_MONOTONIC.</param>
    public static void Prepare(ThreadDump thread, long frozenAtNs)
    {
        Regs raw = Rseq.LeaveCriticalSection(thread.Tid, thread.RawRegs);
        thread.Regs = thread.ResumeRegs = raw;
        if ((long)raw.orig_rax < 0) return;
        switch (-(long)raw.rax)
        {
            case Errno.ERESTART_RESTARTBLOCK:
                (thread.Regs, bool exact) = Reissue(raw, OriginalCall(raw, thread.Tid), thread, frozenAtNs);
                if (exact) thread.ResumeRegs = thread.Regs;
                break;
            case Errno.EINTR when InterruptedByEveryStop(raw):
                (thread.Regs, _) = Reissue(raw, (int)raw.orig_rax, thread, frozenAtNs);
                thread.ResumeRegs = thread.Regs;
                break;
        }
    }

    /// <summary>Calls that signal(7) lists as interrupted by a stop, and those on sockets with SO_RCVTIMEO or SO_SNDTIMEO.</summary>
    private static bool InterruptedByEveryStop(Regs regs) => (int)regs.orig_rax switch
    {
        Syscall.epoll_wait or Syscall.epoll_pwait or Syscall.epoll_pwait2 => true,
        Syscall.rt_sigtimedwait or Syscall.semop or Syscall.semtimedop or Syscall.io_getevents => true,
        Syscall.read or Syscall.readv or Syscall.recvfrom or Syscall.recvmsg or Syscall.recvmmsg => true,
        Syscall.write or Syscall.writev or Syscall.sendto or Syscall.sendmsg or Syscall.sendmmsg => true,
        Syscall.accept or Syscall.accept4 or Syscall.connect => true,
        // Without submissions it only waits.
        Syscall.io_uring_enter => regs.rsi == 0,
        _ => false,
    };

    /// <summary>The call made again; exact if it does not last longer than it would have.</summary>
    private static (Regs Regs, bool Exact) Reissue(Regs regs, int call, ThreadDump thread, long frozenAtNs)
    {
        // The arguments of a call that had been restarted before are those of its beginning.
        bool exact = (int)regs.orig_rax == call;
        if (call < 0)
        {
            // A call that had been restarted before and that does not show which it was: an interruption is what the program may expect of any.
            regs.rax = unchecked((ulong)-Errno.EINTR);
            regs.orig_rax = ulong.MaxValue;
            return (regs, false);
        }
        regs.orig_rax = (ulong)call;
        regs.rax = unchecked((ulong)-Errno.ERESTARTNOHAND);
        switch (call)
        {
            case Syscall.nanosleep:
                regs.rdi = regs.rsi != 0 ? regs.rsi : Remaining(regs.rdi);
                break;
            case Syscall.clock_nanosleep:
                // The kernel has written what remained where the program asked for it; of a CPU clock we do not know.
                regs.rdx = regs.r10 != 0 ? regs.r10 : IsCpuClock((int)regs.rdi) ? Inexact(regs.rdx) : Remaining(regs.rdx);
                break;
            case Syscall.poll:
                regs.rdx = RemainingMs(regs.rdx);
                break;
            case Syscall.epoll_wait or Syscall.epoll_pwait:
                regs.r10 = RemainingMs(regs.r10);
                break;
            case Syscall.epoll_pwait2 or Syscall.semtimedop:
                regs.r10 = Remaining(regs.r10);
                break;
            // FUTEX_WAIT_BITSET and the others name a moment, not a length of time.
            case Syscall.futex when ((int)regs.rsi & FUTEX_COMMANDS) == FUTEX_WAIT:
                regs.r10 = Remaining(regs.r10);
                break;
            case Syscall.rt_sigtimedwait:
                regs.rdx = Remaining(regs.rdx);
                break;
            case Syscall.io_getevents:
                regs.r8 = Remaining(regs.r8);
                break;
        }
        return (regs, exact);

        ulong RemainingMs(ulong timeout)
        {
            const long nsPerMs = 1_000_000;
            int ms = (int)timeout;
            if (ms <= 0) return timeout;
            if (ElapsedNs(thread, frozenAtNs, ms * nsPerMs) is not { } elapsed) return Inexact(timeout);
            return (ulong)((Math.Max(0, ms * nsPerMs - elapsed) + nsPerMs - 1) / nsPerMs);
        }

        ulong Remaining(ulong address)
        {
            if (address == 0) return 0;
            if (TryReadTime(thread.Tid, address) is not { } time || ElapsedNs(thread, frozenAtNs, time.TotalNanoseconds) is not { } elapsed) return Inexact(address);
            var below = new RemoteAddress((regs.rsp - RedZoneBytes - TimeSpecRoomBytes) & ~15ul);
            try
            {
                RemoteMemory.Write(thread.Tid, below, TimeSpec.FromNanoseconds(Math.Max(0, time.TotalNanoseconds - elapsed)));
                return below.Value;
            }
            catch (LinuxException e) when (e.Errno == Errno.EFAULT)
            {
                // The stack ends here.
                return Inexact(address);
            }
        }

        // The whole time again: longer than asked, never shorter.
        ulong Inexact(ulong unchanged)
        {
            exact = false;
            return unchanged;
        }
    }

    /// <summary>For how long the thread had slept when it was frozen; null when it is not known, as it ran after it had been looked at.</summary>
    private static long? ElapsedNs(ThreadDump thread, long frozenAtNs, long askedNs)
    {
        if (thread.Sleep is not { } sample) return null;
        long elapsed = Math.Max(0, frozenAtNs - sample.LastRanNs);
        // Nobody sleeps for much longer than asked: that is an earlier sleep's beginning.
        if (elapsed > askedNs && elapsed - askedNs > OversleepNs) return null;
        long switches = SleepClock.Switches(thread.Task.Pid, thread.Tid) - sample.Switches;
        return switches is >= 0 and <= MostSwitchesOfFreeze ? elapsed : null;
    }

    /// <summary>
    /// Number of the call that waits with a restart block. After an earlier stop orig_rax says restart_syscall(2) only, and
    /// the arguments are still the first call's: then the code before the instruction tells, or the arguments. -1: neither.
    /// </summary>
    private static int OriginalCall(Regs regs, int tid)
    {
        if ((int)regs.orig_rax != Syscall.restart_syscall) return (int)regs.orig_rax;
        foreach (int call in CallsInCode(regs, tid))
            if (IsPlausible(call, regs, tid)) return call;
        // A shared futex may look like nanosleep; it then wakes for no reason, which its users expect, and the other way round nobody would.
        foreach (int call in (int[])[Syscall.clock_nanosleep, Syscall.nanosleep, Syscall.futex, Syscall.poll])
            if (IsPlausible(call, regs, tid)) return call;
        return -1;
    }

    /// <summary>What <c>mov eax, imm32</c> in the last instructions could have meant, the nearest first.</summary>
    private static IEnumerable<int> CallsInCode(Regs regs, int tid)
    {
        const int window = 48, instruction = 5, syscallInstruction = 2;
        const byte movEax = 0xb8;
        byte[] code = new byte[window];
        if (!TryRead(tid, regs.rip - syscallInstruction - window, code)) yield break;
        for (int i = window - instruction; i >= 0; i--)
            if (code[i] == movEax && BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(i + 1)) is var call
                && call is Syscall.nanosleep or Syscall.clock_nanosleep or Syscall.poll or Syscall.futex)
                yield return call;
    }

    private static bool IsPlausible(int call, Regs regs, int tid) => call switch
    {
        Syscall.clock_nanosleep => (int)regs.rdi <= LastClock && regs.rdi <= uint.MaxValue && regs.rsi == 0 && TryReadTime(tid, regs.rdx) is not null && IsNullOrReadable(tid, regs.r10),
        Syscall.nanosleep => TryReadTime(tid, regs.rdi) is { TotalNanoseconds: > 0 } && IsNullOrReadable(tid, regs.rsi),
        Syscall.futex => (regs.rdi & 3) == 0 && regs.rdi != 0 && IsNullOrReadable(tid, regs.rdi) && ((int)regs.rsi & FUTEX_COMMANDS) is FUTEX_WAIT or FUTEX_WAIT_BITSET
            && regs.rsi < 512 && TryReadTime(tid, regs.r10) is not null,
        Syscall.poll => regs.rsi < 1 << 20 && (regs.rsi == 0 || IsNullOrReadable(tid, regs.rdi) && regs.rdi != 0),
        _ => false,
    };

    private static bool IsCpuClock(int clock) => clock is CLOCK_PROCESS_CPUTIME_ID or CLOCK_THREAD_CPUTIME_ID or < 0;

    private static bool IsNullOrReadable(int tid, ulong address) => address == 0 || TryRead(tid, address, stackalloc byte[4]);

    private static TimeSpec? TryReadTime(int tid, ulong address)
    {
        Span<byte> bytes = stackalloc byte[TimeSpec.SizeBytes];
        if (!TryRead(tid, address, bytes)) return null;
        TimeSpec time = System.Runtime.InteropServices.MemoryMarshal.Read<TimeSpec>(bytes);
        return time.IsValid ? time : null;
    }

    private static bool TryRead(int tid, ulong address, Span<byte> bytes)
    {
        try
        {
            RemoteMemory.Read(tid, new RemoteAddress(address), bytes);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EFAULT)
        {
            return false;
        }
    }
}
