using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The locks of a description, as its fdinfo shows them ("lock:" lines); taken again last.</summary>
internal static class FileLocks
{
    public static (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => Lines(file, context).FirstOrDefault(l => l.Words[1] is not ("FLOCK" or "POSIX" or "OFDLCK")) is { Words: { } words }
        ? ($"a {words[1].ToLowerInvariant()} on the file is not carried", "give the lease back (fcntl F_SETLEASE F_UNLCK)")
        : null;

    public static IReadOnlyList<FileLock> Dump(OpenFile file, DumpContext context)
    {
        var locks = new List<FileLock>();
        foreach ((TaskDump task, int fd, string[] words) in Lines(file, context))
        {
            // "1: POSIX  ADVISORY  WRITE 9988 fe:00:11657425 5 14"; the end is that of the last byte.
            bool exclusive = words[3] == "WRITE";
            long start = long.Parse(words[6], CultureInfo.InvariantCulture);
            long length = words[7] == "EOF" ? 0 : long.Parse(words[7], CultureInfo.InvariantCulture) - start + 1;
            locks.Add(words[1] switch
            {
                "FLOCK" => new FileLock(FileLockKind.Flock, exclusive, 0, 0),
                "OFDLCK" => new FileLock(FileLockKind.Ofd, exclusive, start, length),
                "POSIX" => new FileLock(FileLockKind.Posix, exclusive, start, length, task.VirtualPid, fd),
                _ => throw new EngineException(EngineError.NotCarried, file.Stage(), $"a {words[1].ToLowerInvariant()} on the file is not carried; give it back"),
            });
        }
        // Every process that shares the description shows its flock and OFD locks.
        FileLock[] held = [.. locks.Distinct()];
        if (held.Length > 0 && FileSystems.TypeOf(file.Fd.Number) is not (FileSystems.OVERLAYFS_SUPER_MAGIC or FileSystems.TMPFS_MAGIC)) HandOver(held, file, context);
        return held;
    }

    // A volume may be the same on the other host: the frozen copy must not keep out the one that takes over. Thawed, it takes them back.
    private static void HandOver(FileLock[] locks, OpenFile file, DumpContext context)
    {
        context.ThawsInside |= locks.Any(l => l.Kind == FileLockKind.Posix);
        foreach (FileLock held in locks)
        {
            context.OnThaw(() => Result.Check(Set(held, take: true, file, context), $"{held.Kind} lock of {file.Title}"));
            Result.Check(Set(held, take: false, file, context), $"{held.Kind} lock of {file.Title}");
        }
    }

    private static long Set(FileLock held, bool take, OpenFile file, DumpContext context)
    {
        FlockRange range = Range(held);
        if (!take) range.Type = Locks.F_UNLCK;
        if (held.Kind == FileLockKind.Flock) return Locks.TryFlock(file.Fd.Number, !take ? Locks.LOCK_UN : held.Exclusive ? Locks.LOCK_EX : Locks.LOCK_SH);
        if (held.Kind == FileLockKind.Ofd) return Locks.TrySet(file.Fd.Number, Locks.F_OFD_SETLK, range);
        Puppet agent = context.Tasks.First(t => t.VirtualPid == held.VirtualPid).Agent;
        long result = agent.TryCall(Syscall.fcntl, held.Fd, Locks.F_SETLK, agent.Put(range));
        agent.ResetScratch();
        return result;
    }

    public static void Restore(IReadOnlyList<FileLock> locks, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        foreach (FileLock held in locks)
        {
            long result = held.Kind switch
            {
                FileLockKind.Flock => Locks.TryFlock(fd.Number, held.Exclusive ? Locks.LOCK_EX : Locks.LOCK_SH),
                FileLockKind.Ofd => Locks.TrySet(fd.Number, Locks.F_OFD_SETLK, Range(held)),
                FileLockKind.Posix => SetIn(context.Task(held.VirtualPid), held, file),
                _ => throw new EngineException(EngineError.BadImage, file.Stage(), $"lock of unknown kind {held.Kind}"),
            };
            if (result is -Errno.EAGAIN or -Errno.EACCES) throw file.Mismatch("a lock it holds is held by another process on this host; end that process, or do not share the volume");
            Result.Check(result, $"{held.Kind} lock");
        }
    }

    private static long SetIn(TaskRestore? task, FileLock held, FileRecord file)
    {
        if (task is null) throw new EngineException(EngineError.BadImage, file.Stage(), $"a lock belongs to process {held.VirtualPid}, which the image does not hold");
        long result = task.Agent.TryCall(Syscall.fcntl, held.Fd, Locks.F_SETLK, task.Agent.Put(Range(held)));
        task.Agent.ResetScratch();
        return result;
    }

    private static FlockRange Range(FileLock held) => new(held.Exclusive ? Locks.F_WRLCK : Locks.F_RDLCK, held.Start, held.Length);

    // A POSIX lock shows only in the fdinfo of the process that holds it; one descriptor of each is asked.
    private static IEnumerable<(TaskDump Task, int Fd, string[] Words)> Lines(OpenFile file, DumpContext context)
    {
        foreach (TaskDump task in context.Tasks)
        {
            int fd = task == file.Owner ? file.Number : task.Descriptors.Values.FirstOrDefault(d => d.File == file)?.Number ?? -1;
            if (fd < 0) continue;
            ProcFields info = task == file.Owner ? file.Info : ProcFields.Read($"/proc/{task.Pid}/fdinfo/{fd}");
            foreach (string line in info.Lines.Where(l => l.StartsWith("lock:", StringComparison.Ordinal)))
                yield return (task, fd, line["lock:".Length..].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries));
        }
    }
}
