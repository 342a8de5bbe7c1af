using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// inotify(7): watches, with the numbers the program knows them by. The kernel tells which inode is watched, not its path:
/// <see cref="WatchedPaths"/> finds it. Events that the program has not read yet cannot be put into a queue again: they are waited for.
/// </summary>
public sealed class Inotify : FileResource<Inotify.Record>
{
    public sealed record Record(IReadOnlyList<Watch> Watches);

    /// <param name="Number">The watch descriptor.</param>
    /// <param name="Mask">IN_… bits.</param>
    public sealed record Watch(int Number, string Path, uint Mask);

    /// <summary>Numbers only ever grow, and can only be reached by counting up.</summary>
    private const int MaxNumber = 100_000;

    public override string Kind => "inotify";

    public override bool Owns(OpenFile file) => file.Link is "anon_inode:inotify" or "anon_inode:[inotify]";

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        foreach (WatchedInode watch in WatchedInode.Parse(file))
        {
            if (watch.Number > MaxNumber) return ($"it has watch number {watch.Number}, more than the {MaxNumber} that can be counted up to in a freeze", "restart the program, it adds and removes too many watches");
            if (WatchedPaths.Find(watch, context) is null) return ($"the path of its watch {watch.Number} cannot be told (inode {watch.Inode} on device {watch.Device >> 20}:{watch.Device & 0xFFFFF})", "remove the watch of what was deleted or is hidden by another mount");
        }
        return null;
    }

    public override (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context) => Pipes.Unread(file.Fd.Number) is > 0 and int unread
        ? ($"{unread} bytes of events are not read yet and cannot be put back", "let the program read them, or close the inotify instance")
        : null;

    public override Record Dump(OpenFile file, DumpContext context)
    {
        if (Refuses(file, context) is { } refusal) throw new EngineException(EngineError.NotCarried, file.Stage(), $"{refusal.Reason}; {refusal.Remedy}");
        return new Record([.. WatchedInode.Parse(file).Select(w => new Watch(w.Number, WatchedPaths.Find(w, context)!, w.Mask)).OrderBy(w => w.Number)]);
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => Inotifies.Create();

    // Last, so that nothing that a restore does to files is told.
    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context)
    {
        if (record.Watches.Count == 0) return;
        const int F_SETFL = 4;
        Kernel.Call("fcntl(F_SETFL)", Syscall.fcntl, fd.Number, F_SETFL, Linux.Files.O_NONBLOCK);
        int next = 1;
        foreach (Watch watch in record.Watches)
        {
            if (watch.Number < next || watch.Number > MaxNumber) throw new EngineException(EngineError.BadImage, file.Stage(), $"watch {watch.Number} is out of order");
            next = SkipTo(watch.Number, next, fd, context);
            using FileDescriptor path = ContainerPath.Open(context, file, watch.Path, Linux.Files.O_PATH | Linux.Files.O_NOFOLLOW);
            int number = Inotifies.Watch(fd.Number, path.Number, watch.Mask & ~Inotifies.IN_DONT_FOLLOW);
            if (number != watch.Number) throw new EngineException(EngineError.Internal, file.Stage(), $"watch {watch.Number} of {watch.Path} became {number}");
            next++;
        }
        Kernel.Call("fcntl(F_SETFL)", Syscall.fcntl, fd.Number, F_SETFL, file.Flags);
    }

    // Numbers that the program gave back are taken and given back once more; nobody is to read of it.
    private static int SkipTo(int number, int next, FileDescriptor fd, RestoreContext context)
    {
        const int drainEvery = 1024;
        if (next == number) return next;
        for (; next < number; next++)
        {
            Inotifies.Remove(fd.Number, Inotifies.Watch(fd.Number, context.Root.Number, Inotifies.IN_DELETE_SELF));
            if (next % drainEvery == 0) Inotifies.Drain(fd.Number);
        }
        Inotifies.Drain(fd.Number);
        return next;
    }
}
