using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>eventfd(2): a counter.</summary>
public sealed class EventFd : FileResource<EventFd.Record>
{
    public sealed record Record(ulong Count, bool Semaphore);

    public override string Kind => "eventfd";

    public override bool Owns(OpenFile file) => file.Link == "anon_inode:[eventfd]";

    public override Record Dump(OpenFile file, DumpContext context) => new(file.Info.Hex("eventfd-count"), file.Info.Has("eventfd-semaphore") && file.Info.Int32("eventfd-semaphore") != 0);

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        const int EFD_SEMAPHORE = 1;
        var fd = new FileDescriptor(Kernel.Call("eventfd2", Syscall.eventfd2, 0, (record.Semaphore ? EFD_SEMAPHORE : 0) | Linux.Files.O_NONBLOCK | Linux.Files.O_CLOEXEC));
        if (record.Count == 0) return fd;
        // The highest value cannot be written: it marks an overflow that only the kernel makes.
        Span<byte> count = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(count, Math.Min(record.Count, ulong.MaxValue - 1));
        Linux.Files.WriteAll(fd.Number, count);
        return fd;
    }
}
