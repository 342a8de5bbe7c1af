namespace ContainerGrains.Linux.Net;

/// <summary>A unix(7) socket as sock_diag(7) lists it.</summary>
/// <param name="Type">SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5.</param>
/// <param name="State">TCP_ESTABLISHED 1, TCP_CLOSE 7, TCP_LISTEN 10.</param>
/// <param name="Name">Bound path or abstract name (it begins with a zero byte); empty when not bound.</param>
/// <param name="PeerInode">0 when it has none (or a peer that is closed).</param>
/// <param name="PendingInodes">Of a listening socket: peers whose connections are not yet accepted; 0 for one that has closed since.</param>
/// <param name="ReceiveQueue">Bytes; of a listening socket: connections not yet accepted.</param>
/// <param name="SendQueue">Bytes in flight; of a listening socket: its backlog.</param>
/// <param name="Shutdown">RCV_SHUTDOWN 1 | SEND_SHUTDOWN 2.</param>
/// <param name="FileInode">Inode of the bound path on its file system; 0: none.</param>
/// <param name="FileDevice">Its device.</param>
public sealed record UnixSocketInfo(
    uint Inode, byte Type, byte State, byte[] Name, uint PeerInode, IReadOnlyList<uint> PendingInodes, uint ReceiveQueue, uint SendQueue, byte Shutdown, uint FileInode, uint FileDevice);
