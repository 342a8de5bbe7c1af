namespace ContainerGrains.Engine;

/// <summary>What a unix socket is to others.</summary>
public enum UnixRole
{
    /// <summary>Connected to nobody, or a datagram socket whose peer is told by <see cref="UnixRecord.Peer"/>.</summary>
    Single,
    Listening,
    /// <summary>One of two without names: socketpair(2).</summary>
    Pair,
    /// <summary>The end that called connect(2).</summary>
    Client,
    /// <summary>The end that accept(2) returned; has its listener's name.</summary>
    Accepted,
    /// <summary>Connected to an end that is closed.</summary>
    Orphan,
    /// <summary>Has called connect(2) and waits in a listener's queue, with nothing sent.</summary>
    Pending,
}

/// <summary>A unix(7) socket.</summary>
/// <param name="Name">Raw sockaddr, two bytes when it has none.</param>
/// <param name="NameFile">For a path.</param>
/// <param name="Peer">File number of the other end.</param>
/// <param name="Listener">File number of the listener that accepted the connection or has it in its queue; null: gone, or there was none.</param>
/// <param name="AcceptedName">Of a client and its accepted end: the latter's name; of an orphan with a name: its own, as if it had been accepted.</param>
/// <param name="PeerName">Of a datagram socket connected one way: where to.</param>
/// <param name="Pending">Of a listener: files that wait in its queue, in order.</param>
/// <param name="Shutdown">1: no more receiving, 2: no more sending.</param>
/// <param name="Reset">It has ECONNRESET to tell: the other end was closed with data unread.</param>
/// <param name="Data">Blob of all unread bytes, cut by <paramref name="Messages"/>.</param>
/// <param name="Caller">Who called socketpair(2), connect(2) or listen(2): the accepted end's and the listener's SO_PEERCRED.</param>
/// <param name="ListenerCaller">Of a client and its accepted end: who had called listen(2), the client's SO_PEERCRED.</param>
public sealed record UnixRecord(
    SocketKind Socket, UnixRole Role, byte[] Name, UnixNameFile? NameFile, int? Peer, int? Listener, byte[]? AcceptedName, byte[]? PeerName, int? Backlog, IReadOnlyList<int> Pending,
    int Shutdown, bool Reset, int? Data, IReadOnlyList<UnixMessage> Messages, UnixCredentials? Caller, UnixCredentials? ListenerCaller,
    SocketOptions Options);

/// <summary>The file of a bound path.</summary>
/// <param name="Directory">Where a relative path begins.</param>
/// <param name="Alive">The path still leads to the socket: nobody removed or replaced the file.</param>
public sealed record UnixNameFile(string? Directory, bool Alive, uint Mode, uint Uid, uint Gid);

/// <param name="From">The sender's raw address, when it has one.</param>
public sealed record UnixMessage(int Length, byte[]? From, UnixCredentials? Credentials);

/// <summary>Who a process was for the kernel when it sent or connected; virtual pid 0: not (or no more) of the container.</summary>
public sealed record UnixCredentials(int VirtualPid, uint Uid, uint Gid);
