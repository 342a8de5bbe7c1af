using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Domain, type and protocol of a socket: what socket(2) was called with.</summary>
public readonly record struct SocketKind(int Domain, int Type, int Protocol)
{
    private const int SO_TYPE = 3, SO_ACCEPTCONN = 30, SO_PROTOCOL = 38, SO_DOMAIN = 39;

    public bool IsInet => Domain is Sockets.AF_INET or Sockets.AF_INET6;
    public bool IsTcp => IsInet && Type == Sockets.SOCK_STREAM && Protocol == Sockets.IPPROTO_TCP;
    /// <summary>A socket for Multipath TCP, which Go programs listen on: accepting a plain client it gives a plain TCP socket.</summary>
    public bool IsMultipath => IsInet && Type == Sockets.SOCK_STREAM && Protocol == Sockets.IPPROTO_MPTCP;
    public bool IsUdp => IsInet && Type == Sockets.SOCK_DGRAM && Protocol is Sockets.IPPROTO_UDP or Sockets.IPPROTO_UDPLITE;

    public SocketScope Scope => (Domain switch
    {
        Sockets.AF_INET => SocketScope.Inet4,
        Sockets.AF_INET6 => SocketScope.Inet6,
        Sockets.AF_UNIX => SocketScope.Unix,
        _ => SocketScope.Netlink,
    }) | (IsTcp || IsMultipath ? SocketScope.Tcp : IsUdp ? SocketScope.Udp : 0);

    /// <summary>Null when the file is not a socket.</summary>
    public static SocketKind? Of(OpenFile file)
    {
        if (file.Stat.Type != FileStat.S_IFSOCK) return null;
        int fd = file.Fd.Number;
        return Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SO_DOMAIN, out int domain)
            && Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SO_TYPE, out int type)
            && Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SO_PROTOCOL, out int protocol)
            ? new SocketKind(domain, type, protocol)
            : null;
    }

    public static bool IsListening(int fd) => Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SO_ACCEPTCONN, out int listening) && listening != 0;

    /// <summary>Makes a new one in the container's network namespace; the thread must be there already.</summary>
    /// <exception cref="EngineException">BadImage: not one of ours.</exception>
    public FileDescriptor Create() => IsInet || Domain is Sockets.AF_UNIX or Sockets.AF_NETLINK
        ? Sockets.Create(Domain, Type, Protocol)
        : throw new EngineException(EngineError.BadImage, "restore: sockets", $"the image names a socket of family {Domain}, which no room carries; take a new checkpoint");

    /// <summary>Whether an image's address fits the domain; what does not is never given to the kernel.</summary>
    /// <exception cref="EngineException">BadImage.</exception>
    public byte[] Checked(byte[] address)
    {
        int length = Domain switch { Sockets.AF_INET => 16, Sockets.AF_INET6 => 28, Sockets.AF_NETLINK => 12, _ => -1 };
        bool fits = address.Length >= 2 && BinaryPrimitives.ReadUInt16LittleEndian(address) == Domain && (length < 0 ? address.Length <= 110 : address.Length == length);
        return fits ? address : throw new EngineException(EngineError.BadImage, "restore: sockets", $"an address of {address.Length} bytes does not fit family {Domain}; take a new checkpoint");
    }
}
