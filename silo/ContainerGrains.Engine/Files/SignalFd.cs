using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>signalfd(2): only a mask; the signals themselves are pending in the processes.</summary>
public sealed class SignalFd : FileResource<SignalFd.Record>
{
    /// <param name="Mask">Bit n-1 for signal n.</param>
    public sealed record Record(ulong Mask);

    public override string Kind => "signalfd";

    public override bool Owns(OpenFile file) => file.Link == "anon_inode:[signalfd]";

    public override Record Dump(OpenFile file, DumpContext context) => new(file.Info.Hex("sigmask"));

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context) => SignalFds.Create(record.Mask, 0);
}
