using System.Net;

namespace ContainerGrains.Linux.Net;

/// <summary>A TCP or UDP socket as sock_diag(7) lists it.</summary>
/// <param name="State">TCP_ESTABLISHED 1 … TCP_LISTEN 10 (net/tcp_states.h); for UDP 1 connected, 7 not.</param>
/// <param name="ReceiveQueue">Bytes; of a listening socket: connections not yet accepted.</param>
/// <param name="SendQueue">Bytes; of a listening socket: its backlog.</param>
/// <param name="Inode">As in /proc/PID/fd; 0 when no descriptor has it (TIME_WAIT, not yet accepted).</param>
/// <param name="InterfaceIndex">Interface it is bound to; 0: any.</param>
public sealed record InetSocketInfo(
    SocketProtocol Protocol, byte State, IPEndPoint Local, IPEndPoint Remote, uint ReceiveQueue, uint SendQueue, uint Uid, uint Inode, int InterfaceIndex);
