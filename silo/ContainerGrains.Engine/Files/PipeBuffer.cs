using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>What is inside a pipe or fifo: its size and the bytes that nobody has read yet.</summary>
/// <param name="Capacity">Bytes (F_GETPIPE_SZ).</param>
/// <param name="Chunks">Lengths of the packets; one entry when it is a stream; none when it is empty.</param>
/// <param name="Packets">Whether each chunk is a packet of its own (O_DIRECT).</param>
/// <param name="Blob">The unread bytes; -1 when it is empty.</param>
public sealed record PipeBuffer(int Capacity, IReadOnlyList<int> Chunks, bool Packets, int Blob)
{
    /// <summary>Reads without taking anything out: tee(2) into a pipe of our own.</summary>
    internal static PipeBuffer Dump(OpenFile file, DumpContext context)
    {
        using FileDescriptor? opened = file.CanRead() ? null : ContainerPath.Reopen(file.Fd, Linux.Files.O_RDONLY | Linux.Files.O_NONBLOCK);
        int pipe = (opened ?? file.Fd).Number, capacity = Pipes.Capacity(pipe), unread = Pipes.Unread(pipe);
        bool packets = file.SameInode(context).Any(f => f.CanWrite() && (f.Flags & Linux.Files.O_DIRECT) != 0);
        if (unread == 0) return new PipeBuffer(capacity, [], packets, -1);

        (FileDescriptor copyRead, FileDescriptor copyWrite) = Pipes.Create(Linux.Files.O_NONBLOCK);
        using (copyRead)
        using (copyWrite)
        {
            // As many slots as the original: each may hold a single byte.
            Result.Check(Pipes.TrySetCapacity(copyWrite.Number, capacity), "fcntl(F_SETPIPE_SZ)");
            int copied = Pipes.Tee(pipe, copyWrite.Number, unread);
            if (copied != unread) throw new EngineException(EngineError.Internal, file.Stage(), $"only {copied} of {unread} unread bytes could be copied");
            byte[] bytes = new byte[unread];
            var chunks = new List<int>();
            for (int done = 0; done < unread;)
            {
                int read = (int)Linux.Files.Read(copyRead.Number, bytes.AsSpan(done));
                chunks.Add(read);
                done += read;
            }
            // A stream is read in one piece, whatever the pieces it was written in.
            return new PipeBuffer(capacity, chunks, packets || chunks.Count > 1, context.AddBlob(bytes));
        }
    }

    /// <summary>Gives a new pipe the capacity and the bytes.</summary>
    internal void Restore(FileDescriptor write, FileRecord file, RestoreContext context)
    {
        const int F_SETFL = 4;
        if (Pipes.Capacity(write.Number) != Capacity && Pipes.TrySetCapacity(write.Number, Capacity) is < 0 and long error)
            throw new EngineException(EngineError.FeatureMissing, file.Stage(), $"a pipe of {Capacity} bytes is refused here ({Errno.Name((int)-error)}); raise /proc/sys/fs/pipe-max-size on this host");
        if (Blob < 0) return;
        byte[] bytes = context.Blob(Blob);
        if (Chunks.Sum(c => (long)c) != bytes.Length || Chunks.Any(c => c <= 0) || bytes.Length > Capacity)
            throw new EngineException(EngineError.BadImage, file.Stage(), "the unread bytes of the pipe do not fit its record");
        Kernel.Call("fcntl(F_SETFL)", Syscall.fcntl, write.Number, F_SETFL, Linux.Files.O_NONBLOCK | (Packets ? Linux.Files.O_DIRECT : 0));
        int done = 0;
        foreach (int chunk in Chunks)
        {
            Linux.Files.WriteAll(write.Number, bytes.AsSpan(done, chunk));
            done += chunk;
        }
    }
}
