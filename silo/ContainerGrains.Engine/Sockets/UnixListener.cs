using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Listening unix sockets, with the connections in their queues that nobody has sent through yet (unix(7)).</summary>
public sealed class UnixListener : FileResource<UnixRecord>
{
    public override string Kind => "unix-listener";

    public override bool Owns(OpenFile file) => SocketKind.Of(file) is { Domain: Linux.Sockets.AF_UNIX } && SocketKind.IsListening(file.Fd.Number);

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        if (SocketOptions.Refusal(file, context) is { } refusal) return refusal;
        var unix = UnixDump.Of(context);
        return unix.Info(file)?.PendingInodes.FirstOrDefault(i => i != 0 && unix.FileOf(file, i) is null) is > 0 and uint stranger
            ? ($"a process outside of the container is connecting to it (inode {stranger})", "end that process, or move it into the container")
            : null;
    }

    /// <summary>The accepted end is nobody's descriptor yet, so what it holds cannot be read.</summary>
    public override (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context)
    {
        var unix = UnixDump.Of(context);
        return unix.Info(file) is { } info && info.PendingInodes.Any(i => unix.FileOf(file, i) is not { } client || UnixDump.HasSent(client))
            ? ("a connection that waits to be accepted has data, or was closed, already", "let the program accept it")
            : null;
    }

    public override UnixRecord Dump(OpenFile file, DumpContext context)
    {
        if (Refuses(file, context) is { } refusal) throw UnixSocket.NotCarried(file, refusal.Reason, refusal.Remedy);
        SocketKind kind = SocketKind.Of(file)!.Value;
        var unix = UnixDump.Of(context);
        var info = unix.Info(file) ?? throw UnixSocket.NotCarried(file, "the kernel does not list it", "close it before the move");
        byte[] name = Linux.Sockets.Name(file.Fd.Number);
        return new UnixRecord(kind, UnixRole.Listening, name, unix.NameFile(file, name), null, null, null, null, (int)info.SendQueue,
            [.. info.PendingInodes.Select(i => unix.FileOf(file, i)!.Id)], 0, false, null, [], unix.Credentials(file.Fd.Number), null, SocketOptions.Dump(file, kind.Scope));
    }

    public override FileDescriptor Restore(UnixRecord record, FileRecord file, RestoreContext context) => UnixRestore.Of(context).Make(record, file);

    public override void Finish(UnixRecord record, FileRecord file, FileDescriptor fd, RestoreContext context) => UnixRestore.Of(context).Complete();
}
