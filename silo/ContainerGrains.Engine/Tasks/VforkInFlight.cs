using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A thread that waits for its vfork(2) child to become a program, both in one memory. posix_spawn(3) does so for a moment, which whoever asks waits for.</summary>
public sealed class VforkInFlight : RefusedTaskState
{
    public override string Kind => "vfork-in-flight";

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        if (ProcessTree.Threads(task.Pid).Any(tid => Waits(task.Pid, tid)))
            yield return task.Obstacle("vfork", "a thread waits for a child that shares its memory and has not called execve", "try again when the child has become its program") with { Passing = true };
    }

    /// <summary>By /proc/PID/task/TID/syscall: number and arguments of the call that a thread sleeps in.</summary>
    private static bool Waits(int pid, int tid)
    {
        if (ThreadIds.TryRead($"/proc/{pid}/task/{tid}/syscall") is not { } line) return false;
        string[] parts = line.Split(' ');
        if (parts.Length < 2 || !int.TryParse(parts[0], CultureInfo.InvariantCulture, out int call)) return false;
        ulong first = ulong.Parse(parts[1].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return call switch
        {
            Syscall.vfork => true,
            Syscall.clone => (first & CloneFlags.CLONE_VFORK) != 0,
            Syscall.clone3 => (FlagsOf(pid, first) & CloneFlags.CLONE_VFORK) != 0,
            _ => false,
        };
    }

    private static ulong FlagsOf(int pid, ulong arguments)
    {
        try
        {
            return RemoteMemory.Read<ulong>(pid, new RemoteAddress(arguments));
        }
        catch (LinuxException e) when (e.Errno is Errno.EFAULT or Errno.ESRCH)
        {
            // The child may have changed the memory they share, or all is over.
            return 0;
        }
    }
}
