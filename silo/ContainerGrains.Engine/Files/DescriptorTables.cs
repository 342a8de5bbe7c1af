using System.Runtime.InteropServices;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Puts restored descriptions into descriptor tables.</summary>
internal static class DescriptorTables
{
    private const int F_SETFD = 2, F_SETFL = 4, FD_CLOEXEC = 1;
    private const int SettableFlags = Linux.Files.O_APPEND | Linux.Files.O_NONBLOCK | Linux.Files.O_ASYNC | Linux.Files.O_DIRECT | Linux.Files.O_NOATIME;

    /// <summary>Position, status flags and owner: what all kinds have.</summary>
    public static void SetDescription(FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        if ((file.Flags & Linux.Files.O_PATH) != 0) return;
        if (file.Position > 0)
        {
            long result = Kernel.Raw(Syscall.lseek, fd.Number, file.Position, 0);
            if (result != -Errno.ESPIPE) Result.Check(result, "lseek");
        }
        Kernel.Call("fcntl(F_SETFL)", Syscall.fcntl, fd.Number, F_SETFL, file.Flags & SettableFlags);
        if (file.Owner is { } owner)
            FileOwners.Set(owner, fd, o => context.Task(o.VirtualPid)?.Pid ?? context.Tasks.SelectMany(t => t.Threads).FirstOrDefault(t => t.VirtualTid == o.VirtualPid)?.Agent.Tid);
    }

    /// <summary>
    /// Fills a process's empty table in one batch. Numbers are pulled in ascending order, so that the lowest free one, which the
    /// kernel gives, is always known and never above the one that is wanted; the engine's pidfd moves out of the way first.
    /// </summary>
    public static void Install(TaskRestore task, IReadOnlyList<FileRecord> files, RestoreContext context)
    {
        (int Number, bool CloseOnExec, int FileId)[] wanted =
            [.. files.SelectMany(f => f.Users.Where(u => u.VirtualPid == task.VirtualPid).Select(u => (u.Number, u.CloseOnExec, f.Id))).OrderBy(w => w.Number)];
        int engine = Math.Max(SeedImage.EnginePidFd, wanted.Length == 0 ? 0 : wanted[^1].Number + 1);
        if (wanted.Length > 0 && wanted[0].Number < 0) throw new EngineException(EngineError.BadImage, "restore: descriptors", $"process {task.VirtualPid} has a negative descriptor");
        var calls = new List<RemoteCall>();
        if (engine != SeedImage.EnginePidFd)
        {
            calls.Add(new(Syscall.dup3, SeedImage.EnginePidFd, engine, 0));
            calls.Add(new(Syscall.close, SeedImage.EnginePidFd));
        }
        int free = 0;
        var placed = new HashSet<int>();
        foreach ((int number, bool closeOnExec, int fileId) in wanted)
        {
            while (placed.Contains(free)) free++;
            calls.Add(new(Syscall.pidfd_getfd, engine, context.File(fileId).Number, 0));
            if (free == number) calls.Add(new(Syscall.fcntl, number, F_SETFD, closeOnExec ? FD_CLOEXEC : 0));
            else
            {
                calls.Add(new(Syscall.dup3, free, number, closeOnExec ? Linux.Files.O_CLOEXEC : 0));
                calls.Add(new(Syscall.close, free));
            }
            if (!placed.Add(number)) throw new EngineException(EngineError.BadImage, "restore: descriptors", $"process {task.VirtualPid} has descriptor {number} twice");
        }
        calls.Add(new(Syscall.close, engine));
        task.Agent.Run(CollectionsMarshal.AsSpan(calls), "descriptors");
    }
}
