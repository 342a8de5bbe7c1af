using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>An end of a pipe(7). An end that nobody had is not made: readers see end of file, writers EPIPE, as before.</summary>
public sealed class Pipe : FileResource<Pipe.Record>
{
    /// <param name="Inode">Tells which descriptions belong together.</param>
    public sealed record Record(ulong Inode, uint Mode, uint Uid, uint Gid, PipeBuffer Buffer);

    public override string Kind => "pipe";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFIFO && file.Link.StartsWith("pipe:[", StringComparison.Ordinal);

    // Only when no process of the container has the other end can a stranger's be seen; one beside ends of our own stays unseen.
    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        bool reads = file.CanRead(), writes = file.CanWrite();
        if (reads && writes || file.SameInode(context).Any(f => reads ? f.CanWrite() : f.CanRead()) || Pipes.OtherSideGone(file.Fd.Number)) return null;
        return ($"its {(reads ? "write" : "read")} end is open outside of the container, or is on its way in a message between two sockets", "start the program with files instead of pipes, or close it");
    }

    public override Record Dump(OpenFile file, DumpContext context) => new(file.Stat.st_ino, file.Stat.st_mode, file.Stat.st_uid, file.Stat.st_gid,
        context.Once(("pipe", file.Stat.st_dev, file.Stat.st_ino), () => PipeBuffer.Dump(file, context)));

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => Pair(record, file, context).Take(file.Flags & Linux.Files.O_ACCMODE);

    public override void Finish(Record record, FileRecord file, FileDescriptor fd, RestoreContext context) => Pair(record, file, context).Close();

    private static Ends Pair(Record record, FileRecord file, RestoreContext context) => context.Once(("pipe", record.Inode), () =>
    {
        (FileDescriptor read, FileDescriptor write) = Pipes.Create(Linux.Files.O_NONBLOCK);
        record.Buffer.Restore(write, file, context);
        // Programs that open /dev/stdout again need to own it.
        Kernel.Call("fchown", Syscall.fchown, read.Number, record.Uid, record.Gid);
        Kernel.Call("fchmod", Syscall.fchmod, read.Number, record.Mode & 0xFFF);
        return new Ends(read, write);
    });

    /// <summary>A new pipe; each end is given away once, later takers get descriptions of their own.</summary>
    private sealed class Ends(FileDescriptor read, FileDescriptor write)
    {
        private bool _readTaken, _writeTaken;

        public FileDescriptor Take(int access)
        {
            if (access == Linux.Files.O_RDONLY && !_readTaken)
            {
                _readTaken = true;
                return read;
            }
            if (access == Linux.Files.O_WRONLY && !_writeTaken)
            {
                _writeTaken = true;
                return write;
            }
            return ContainerPath.Reopen(read, access | Linux.Files.O_NONBLOCK);
        }

        /// <summary>Lets go of the ends that nobody took.</summary>
        public void Close()
        {
            if (!_readTaken) read.Dispose();
            if (!_writeTaken) write.Dispose();
        }
    }
}
