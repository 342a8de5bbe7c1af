using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A thread in a Landlock domain (landlock(7)): a sandbox that it can neither leave nor show, and that a restored one would be free of.
/// Nothing in /proc tells. But who is in a domain may not look at a process outside of it, whatever its credentials, and kcmp(2) asks the
/// kernel just that: of a thread that runs, before the freeze, and of every frozen one, as the last word.
/// </summary>
public sealed class Landlock : RefusedTaskState, IAsksThread
{
    private const int LANDLOCK_CREATE_RULESET_VERSION = 1;
    private const ulong CAP_SYS_ADMIN = 1ul << 21;
    private const string Reason = "it is sandboxed by Landlock (or another security module keeps it from looking at a process of its own user), and would be free after a restore";
    private const string Remedy = "run the program without that sandbox, or let it stay on this host";
    private static readonly bool KernelHasIt =
        Kernel.Raw(Syscall.landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION) is not (-Errno.ENOSYS or -Errno.EOPNOTSUPP);

    public override string Kind => "landlock";

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        if (!MayHaveOne(task.Status) || IsInUserNamespace(task.Pid)) yield break;
        foreach (int tid in ProcessTree.Threads(task.Pid))
            if (AskRunning(task, tid) is { } obstacle) yield return obstacle;
    }

    IEnumerable<Question> IAsksThread.Questions(ThreadDump thread, DumpContext context) =>
        MayHaveOne(thread.Task.Status) ? [new Question(_ => Look(BystanderOf(thread.Task, context)))] : [];

    public override Record? Dump(TaskDump task, DumpContext context)
    {
        foreach (ThreadDump thread in task.Threads)
            if (Interview.Of(this, thread, context) is [{ Result: not 0 and var result }])
                throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}, {Title(thread.VirtualTid)}", $"{Why(result)}; {Remedy}");
        return null;
    }

    /// <summary>
    /// Only no_new_privs or CAP_SYS_ADMIN lets a thread make a domain; the one is never lost again, and the other is nobody's whose bounding
    /// set lacks it, as a container's does from its beginning. Threads that differ in either are refused by <see cref="Credentials"/>.
    /// </summary>
    private static bool MayHaveOne(ProcFields status) => KernelHasIt && (status.Int32("NoNewPrivs") != 0 || (status.Hex("CapBnd") & CAP_SYS_ADMIN) != 0);

    // Refused for that; what it may look at outside of it says nothing.
    private static bool IsInUserNamespace(int pid) => Linux.Files.ReadLink($"/proc/{pid}/ns/user") != Linux.Files.ReadLink("/proc/self/ns/user");

    private static CheckpointObstacle? AskRunning(LiveTask task, int tid)
    {
        if (ThreadIds.TryReadStatus(task.Pid, tid) is not { } status) return null;
        string title = Title(status.Int32s("NSpid")[^1]);
        CheckpointObstacle NotNow(string why) => task.Obstacle(title, $"whether it is in one cannot be asked now: {why}", "try again") with { Passing = true };

        // It would stop only when its vfork(2) child has called execve(2).
        if (status["State"].StartsWith('D')) return NotNow("it waits and cannot be interrupted");
        try
        {
            RemoteCall look = Look(task.Bystanders.Of(UserOf(status)));
            long result = LiveCalls.Make(task.InHand, task.Pid, tid, (thread, instruction) => thread.StepCall(instruction, look));
            return result == 0 ? null : task.Obstacle(title, Why(result), Remedy) with { Passing = result != -Errno.EPERM };
        }
        catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.ENOENT)
        {
            // It has ended.
            return null;
        }
        catch (LinuxException e) when (e is { Errno: Errno.EPERM, Syscall: "ptrace(PTRACE_SEIZE)" })
        {
            return NotNow("it is traced, or about to end");
        }
    }

    /// <summary>Does a process of its own user have the same memory as itself? Only who may look at it gets an answer.</summary>
    private static RemoteCall Look(int bystander) => new(Syscall.kcmp, bystander, bystander, (long)Kcmp.Shared.Memory);

    private static int BystanderOf(TaskDump task, DumpContext context)
    {
        (int, int) user = UserOf(task.Status);
        return context.Once((typeof(Landlock), user), () => context.Bystanders.Of(user));
    }

    private static (int Uid, int Gid) UserOf(ProcFields status) => (status.Int32s("Uid")[0], status.Int32s("Gid")[0]);

    private static string Title(int virtualTid) => string.Create(CultureInfo.InvariantCulture, $"Landlock domain of thread {virtualTid}");

    private static string Why(long result) => result == -Errno.EPERM ? Reason : $"whether it is in one cannot be told: kcmp fails in it ({Errno.Name((int)-result)})";
}
