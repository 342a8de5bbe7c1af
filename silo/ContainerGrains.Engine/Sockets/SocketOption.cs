using ContainerGrains.Linux;


namespace ContainerGrains.Engine;

/// <summary>When an option is set on a new socket.</summary>
public enum SocketStage
{
    /// <summary>Before bind and connect: what decides whether and where they succeed, and what is fixed by then.</summary>
    BeforeBind,
    /// <summary>The socket has its addresses, its state and its queues.</summary>
    Connected,
    /// <summary>Just before the processes run: what leaving repair mode would undo, or what must not act before.</summary>
    Thaw,
}

/// <summary>Which sockets have an option.</summary>
[Flags]
public enum SocketScope
{
    Inet4 = 1, Inet6 = 2, Unix = 4, Netlink = 8, Tcp = 16, Udp = 32,
    Inet = Inet4 | Inet6,
    Any = Inet | Unix | Netlink,
}

/// <summary>One socket option of the table: carried when its value is not the <paramref name="Default"/>.</summary>
/// <param name="Length">Bytes of a number (4, 8), or the most that a structure or text has.</param>
/// <param name="Default">What a new socket has everywhere; null when that depends on the host or its settings.</param>
public sealed record SocketOption(string Name, int Level, int Number, SocketScope Scope, SocketStage Stage = SocketStage.Connected, long? Default = 0, int Length = 4, bool IsStructure = false)
{
    public const int ReuseAddress = 2, BindToDevice = 25, PeekOffset = 42;

    /// <summary>
    /// All options that matter. Not here because they cannot be asked for: SO_ATTACH_REUSEPORT_CBPF, TCP_MD5SIG keys. Not here
    /// because the rooms do them: SO_RCVBUF, SO_SNDBUF, SO_BUF_LOCK, SO_ATTACH_FILTER, SO_LOCK_FILTER, multicast memberships.
    /// </summary>
    public static readonly IReadOnlyList<SocketOption> All =
    [
        // socket(7)
        Of("SO_DEBUG", 1, SocketScope.Any),
        Of("SO_REUSEADDR", 2, SocketScope.Any, SocketStage.BeforeBind),
        Of("SO_REUSEPORT", 15, SocketScope.Inet, SocketStage.BeforeBind),
        Of("SO_DONTROUTE", 5, SocketScope.Inet),
        Of("SO_BROADCAST", 6, SocketScope.Any),
        Of("SO_KEEPALIVE", 9, SocketScope.Any),
        Of("SO_OOBINLINE", 10, SocketScope.Any),
        Of("SO_NO_CHECK", 11, SocketScope.Udp),
        Of("SO_LINGER", 13, SocketScope.Any, bytes: 8),
        Of("SO_PASSCRED", 16, SocketScope.Unix | SocketScope.Netlink),
        Of("SO_RCVLOWAT", 18, SocketScope.Any, normally: 1),
        Of("SO_RCVTIMEO", 20, SocketScope.Any, bytes: 16),
        Of("SO_SNDTIMEO", 21, SocketScope.Any, bytes: 16),
        Of("SO_TIMESTAMP", 29, SocketScope.Any),
        Of("SO_PASSSEC", 34, SocketScope.Unix | SocketScope.Netlink),
        Of("SO_TIMESTAMPNS", 35, SocketScope.Any),
        Of("SO_MARK", 36, SocketScope.Any, SocketStage.BeforeBind),
        Of("SO_TIMESTAMPING", 37, SocketScope.Inet, bytes: 8),
        Of("SO_RXQ_OVFL", 40, SocketScope.Any),
        Of("SO_PEEK_OFF", 42, SocketScope.Any, SocketStage.Thaw, normally: -1),
        Of("SO_NOFCS", 43, SocketScope.Any),
        Of("SO_SELECT_ERR_QUEUE", 45, SocketScope.Any),
        Of("SO_BUSY_POLL", 46, SocketScope.Inet, normally: null),
        Of("SO_MAX_PACING_RATE", 47, SocketScope.Inet, size: 8, normally: -1),
        Of("SO_INCOMING_CPU", 49, SocketScope.Udp, normally: null),
        Of("SO_ZEROCOPY", 60, SocketScope.Tcp | SocketScope.Udp),
        Of("SO_BINDTODEVICE", BindToDevice, SocketScope.Inet, SocketStage.BeforeBind, bytes: 16),
        Of("SO_TIMESTAMP_NEW", 63, SocketScope.Any),
        Of("SO_TIMESTAMPNS_NEW", 64, SocketScope.Any),
        Of("SO_TIMESTAMPING_NEW", 65, SocketScope.Inet, bytes: 8),
        Of("SO_PREFER_BUSY_POLL", 69, SocketScope.Inet),
        Of("SO_BUSY_POLL_BUDGET", 70, SocketScope.Inet, normally: null),
        Of("SO_TXREHASH", 74, SocketScope.Tcp, normally: null),
        Of("SO_RCVMARK", 75, SocketScope.Any),
        Of("SO_PASSPIDFD", 76, SocketScope.Unix),
        Of("SO_RCVPRIORITY", 82, SocketScope.Inet),
        Of("SO_PASSRIGHTS", 83, SocketScope.Unix, normally: 1),
        // ip(7); an accepted TCP connection has something in the multicast fields, but no use for it. For IPv4, and for the IPv4 side of IPv6 sockets
        Ip("IP_TOS", 1),
        // After IP_TOS, which sets it, too.
        Of("SO_PRIORITY", 12, SocketScope.Any),
        Ip("IP_TTL", 2, normally: null),
        Ip("IP_OPTIONS", 4, bytes: 40),
        Ip("IP_RECVOPTS", 6),
        Ip("IP_RETOPTS", 7),
        Ip("IP_PKTINFO", 8),
        Ip("IP_MTU_DISCOVER", 10, normally: null),
        Ip("IP_RECVERR", 11),
        Ip("IP_RECVTTL", 12),
        Ip("IP_RECVTOS", 13),
        Ip("IP_FREEBIND", 15, SocketStage.BeforeBind),
        Ip("IP_PASSSEC", 18),
        Ip("IP_TRANSPARENT", 19, SocketStage.BeforeBind),
        Ip("IP_RECVORIGDSTADDR", 20),
        Ip("IP_MINTTL", 21),
        Ip("IP_CHECKSUM", 23, scope: SocketScope.Udp),
        Ip("IP_BIND_ADDRESS_NO_PORT", 24, SocketStage.BeforeBind),
        Ip("IP_RECVFRAGSIZE", 25),
        Ip("IP_RECVERR_RFC4884", 26),
        Ip("IP_MULTICAST_TTL", 33, normally: 1, scope: SocketScope.Udp),
        Ip("IP_MULTICAST_LOOP", 34, normally: 1, scope: SocketScope.Udp),
        Ip("IP_MULTICAST_ALL", 49, normally: 1, scope: SocketScope.Udp),
        Ip("IP_UNICAST_IF", 50, SocketStage.BeforeBind),
        Ip("IP_LOCAL_PORT_RANGE", 51, SocketStage.BeforeBind),
        // ipv6(7)
        Ip6("IPV6_FLOWINFO", 11),
        Ip6("IPV6_UNICAST_HOPS", 16, normally: null),
        Ip6("IPV6_MULTICAST_IF", 17, multicast: true),
        Ip6("IPV6_MULTICAST_HOPS", 18, normally: 1, multicast: true),
        Ip6("IPV6_MULTICAST_LOOP", 19, normally: 1, multicast: true),
        Ip6("IPV6_MTU_DISCOVER", 23, normally: null),
        Ip6("IPV6_RECVERR", 25),
        Ip6("IPV6_V6ONLY", 26, SocketStage.BeforeBind, normally: null),
        Ip6("IPV6_MULTICAST_ALL", 29, normally: 1, multicast: true),
        Ip6("IPV6_RECVERR_RFC4884", 31),
        Ip6("IPV6_FLOWINFO_SEND", 33),
        Ip6("IPV6_RECVPKTINFO", 49),
        Ip6("IPV6_RECVHOPLIMIT", 51),
        Ip6("IPV6_RECVHOPOPTS", 53),
        Ip6("IPV6_RECVRTHDR", 56),
        Ip6("IPV6_RECVDSTOPTS", 58),
        Ip6("IPV6_RECVPATHMTU", 60),
        Ip6("IPV6_DONTFRAG", 62),
        Ip6("IPV6_RECVTCLASS", 66),
        Ip6("IPV6_TCLASS", 67),
        Ip6("IPV6_AUTOFLOWLABEL", 70, normally: null),
        Ip6("IPV6_ADDR_PREFERENCES", 72, normally: null),
        Ip6("IPV6_MINHOPCOUNT", 73),
        Ip6("IPV6_RECVORIGDSTADDR", 74),
        Ip6("IPV6_TRANSPARENT", 75, SocketStage.BeforeBind),
        Ip6("IPV6_UNICAST_IF", 76, SocketStage.BeforeBind),
        Ip6("IPV6_RECVFRAGSIZE", 77),
        Ip6("IPV6_FREEBIND", 78, SocketStage.BeforeBind),
        // tcp(7)
        Tcp("TCP_CONGESTION", 13, SocketStage.BeforeBind, bytes: 16),
        Tcp("TCP_NODELAY", 1),
        Tcp("TCP_MAXSEG", 2, SocketStage.BeforeBind, normally: null),
        Tcp("TCP_CORK", 3, SocketStage.Thaw),
        Tcp("TCP_KEEPIDLE", 4, normally: null),
        Tcp("TCP_KEEPINTVL", 5, normally: null),
        Tcp("TCP_KEEPCNT", 6, normally: null),
        Tcp("TCP_SYNCNT", 7, normally: null),
        Tcp("TCP_LINGER2", 8, normally: null),
        Tcp("TCP_DEFER_ACCEPT", 9),
        Tcp("TCP_WINDOW_CLAMP", 10, normally: null),
        Tcp("TCP_QUICKACK", 12, normally: null),
        Tcp("TCP_THIN_LINEAR_TIMEOUTS", 16),
        Tcp("TCP_USER_TIMEOUT", 18),
        Tcp("TCP_FASTOPEN", 23),
        Tcp("TCP_NOTSENT_LOWAT", 25, normally: null),
        Tcp("TCP_SAVE_SYN", 27),
        Tcp("TCP_FASTOPEN_CONNECT", 30),
        Tcp("TCP_FASTOPEN_NO_COOKIE", 34),
        Tcp("TCP_INQ", 36),
        Tcp("TCP_TX_DELAY", 37),
        Tcp("TCP_RTO_MAX_MS", 44, normally: null),
        Tcp("TCP_RTO_MIN_US", 45, normally: null),
        Tcp("TCP_DELACK_MAX_US", 46, normally: null),
        // udp(7)
        Udp("UDP_CORK", 1, SocketStage.Thaw),
        Udp("UDP_NO_CHECK6_TX", 101),
        Udp("UDP_NO_CHECK6_RX", 102),
        Udp("UDP_SEGMENT", 103),
        Udp("UDP_GRO", 104),
        // netlink(7)
        Netlink("NETLINK_PKTINFO", 3),
        Netlink("NETLINK_BROADCAST_ERROR", 4),
        Netlink("NETLINK_NO_ENOBUFS", 5),
        Netlink("NETLINK_LISTEN_ALL_NSID", 8),
        Netlink("NETLINK_CAP_ACK", 10),
        Netlink("NETLINK_EXT_ACK", 11),
        Netlink("NETLINK_GET_STRICT_CHK", 12),
    ];

    // bytes: a structure of that length, all zero in a new socket.
    private static SocketOption Of(string name, int number, SocketScope scope, SocketStage stage = SocketStage.Connected, long? normally = 0, int size = 4, int bytes = 0) =>
        new(name, Sockets.SOL_SOCKET, number, scope, stage, normally, Math.Max(size, bytes), bytes > 0);

    private static SocketOption Ip(string name, int number, SocketStage stage = SocketStage.Connected, long? normally = 0, int bytes = 0, SocketScope scope = SocketScope.Inet) =>
        new(name, Sockets.IPPROTO_IP, number, scope, stage, normally, Math.Max(4, bytes), bytes > 0);

    private static SocketOption Ip6(string name, int number, SocketStage stage = SocketStage.Connected, long? normally = 0, bool multicast = false) =>
        new(name, Sockets.IPPROTO_IPV6, number, multicast ? SocketScope.Udp : SocketScope.Inet6, stage, normally);

    private static SocketOption Tcp(string name, int number, SocketStage stage = SocketStage.Connected, long? normally = 0, int bytes = 0) =>
        new(name, Sockets.IPPROTO_TCP, number, SocketScope.Tcp, stage, normally, Math.Max(4, bytes), bytes > 0);

    private static SocketOption Udp(string name, int number, SocketStage stage = SocketStage.Connected) =>
        new(name, Sockets.IPPROTO_UDP, number, SocketScope.Udp, stage);

    private static SocketOption Netlink(string name, int number) => new(name, Sockets.SOL_NETLINK, number, SocketScope.Netlink);
}
