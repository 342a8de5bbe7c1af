using ContainerGrains.Linux;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>
/// Unix sockets that do not listen: stream, datagram, seqpacket; pairs, clients, accepted ends, with names, peers, shutdown state
/// and what is unread in them (unix(7)). Both ends must be the container's.
/// </summary>
public sealed class UnixSocket : FileResource<UnixRecord>
{
    private const int TCP_ESTABLISHED = 1, RCV_SHUTDOWN = 1;

    public override string Kind => "unix-socket";

    /// <summary>After the listeners, by which accepted ends are made.</summary>
    public override int RestoreOrder => 10;

    public override bool Owns(OpenFile file) => SocketKind.Of(file) is { Domain: Linux.Sockets.AF_UNIX };

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        if (SocketOptions.Refusal(file, context) is { } refusal) return refusal;
        var unix = UnixDump.Of(context);
        if (unix.Info(file) is not { } info) return null;
        if (info.PeerInode != 0 && unix.FileOf(file, info.PeerInode) is null)
            return ($"its other end (inode {info.PeerInode}) is not in the container", "close the connection, or move its other end into the container");
        unix.WaitsAt(info.Inode, out bool outside);
        return outside ? ("it is connecting to a listener that is not in the container", "close the connection") : null;
    }

    public override (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context)
    {
        if (UnixDump.HoldsDescriptors(file)) return ("descriptors (SCM_RIGHTS) wait in its queue", "let the program receive them");
        return (Linux.Sockets.Poll(file.Fd.Number, Linux.Sockets.POLLPRI) & Linux.Sockets.POLLPRI) != 0 ? ("urgent data (MSG_OOB) waits in it", "let the program read it first") : null;
    }

    public override UnixRecord Dump(OpenFile file, DumpContext context)
    {
        if (Refuses(file, context) is { } refusal) throw NotCarried(file, refusal.Reason, refusal.Remedy);
        int fd = file.Fd.Number;
        SocketKind kind = SocketKind.Of(file)!.Value;
        var unix = UnixDump.Of(context);
        UnixSocketInfo info = unix.Info(file) ?? throw NotCarried(file, "the kernel does not list it", "close it before the move");
        byte[] name = Linux.Sockets.Name(fd);
        // The state of a datagram socket is "established" as soon as another one has connected to it.
        bool connected = info.State == TCP_ESTABLISHED && (kind.Type != Linux.Sockets.SOCK_DGRAM || Linux.Sockets.PeerName(fd) is not null);
        OpenFile? peer = unix.FileOf(file, info.PeerInode), listener = null;
        byte[]? peerName = peer is null ? null : Linux.Sockets.Name(peer.Fd.Number), acceptedName = null;
        UnixRole role;
        if (!connected) role = UnixRole.Single;
        else if (peer is null) role = (listener = unix.WaitsAt(info.Inode, out _)) is null ? UnixRole.Orphan : UnixRole.Pending;
        else if (kind.Type == Linux.Sockets.SOCK_DGRAM) role = unix.Info(peer)?.PeerInode == info.Inode ? UnixRole.Pair : UnixRole.Single;
        else (role, listener, acceptedName) = StreamRole(unix, file, name, peer, peerName!);
        if (role == UnixRole.Single && peer is not null && UnixAddress.IsUnnamed(peerName!))
            throw NotCarried(file, "it is connected one way to a datagram socket without a name", "bind the other socket to a name");

        // An accepted end has no name of its own to be bound to; an orphaned client's is not worth telling it apart.
        if (role == UnixRole.Orphan && kind.Type != Linux.Sockets.SOCK_DGRAM && !UnixAddress.IsUnnamed(name)) (listener, acceptedName) = (unix.ListenerNamed(name, file), name);
        UnixCredentials? mine = connected ? unix.Credentials(fd) : null, its = peer is null ? null : unix.Credentials(peer.Fd.Number);
        (UnixCredentials? caller, UnixCredentials? listenerCaller) = role switch
        {
            UnixRole.Client => (its, mine),
            UnixRole.Accepted => (mine, its),
            // Of a connection that is not accepted yet only the client could tell: it is who has it.
            UnixRole.Pending => (UnixDump.Identity(file.Owner), null),
            _ => (mine, null),
        };

        bool reset = (Linux.Sockets.Poll(fd, 0) & Linux.Sockets.POLLERR) != 0;
        (List<UnixMessage> messages, byte[] data) = unix.Queue(file, kind, reset || (info.Shutdown & RCV_SHUTDOWN) != 0);
        return new UnixRecord(kind, role, name, unix.NameFile(file, name), peer?.Id, listener?.Id, acceptedName, role == UnixRole.Single ? peerName : null, null, [], info.Shutdown, reset,
            data.Length == 0 ? null : context.AddBlob(data), messages, caller, listenerCaller, SocketOptions.Dump(file, kind.Scope));
    }

    // An accepted end has its listener's name. Without the listener: only the accepted end has a name, as a rule; and it is the younger one.
    private static (UnixRole Role, OpenFile? Listener, byte[]? AcceptedName) StreamRole(UnixDump unix, OpenFile file, byte[] name, OpenFile peer, byte[] peerName)
    {
        if (unix.ListenerNamed(name, file) is { } mine) return (UnixRole.Accepted, mine, name);
        if (unix.ListenerNamed(peerName, peer) is { } its) return (UnixRole.Client, its, peerName);
        if (UnixAddress.IsUnnamed(name) && UnixAddress.IsUnnamed(peerName)) return (UnixRole.Pair, null, null);
        bool accepted = UnixAddress.IsUnnamed(peerName) || !UnixAddress.IsUnnamed(name) && file.Stat.st_ino > peer.Stat.st_ino;
        return accepted ? (UnixRole.Accepted, null, name) : (UnixRole.Client, null, peerName);
    }

    internal static EngineException NotCarried(OpenFile file, string reason, string remedy) =>
        new(EngineError.NotCarried, $"dump: {file.Owner.Title} {file.Title}", $"{reason}; {remedy}");

    public override FileDescriptor Restore(UnixRecord record, FileRecord file, RestoreContext context) => UnixRestore.Of(context).Make(record, file);

    public override void Finish(UnixRecord record, FileRecord file, FileDescriptor fd, RestoreContext context) => UnixRestore.Of(context).Complete();
}
