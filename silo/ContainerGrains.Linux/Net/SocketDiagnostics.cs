using System.Buffers.Binary;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ContainerGrains.Linux.Net;

/// <summary>Lists the sockets of the network namespace in which it was opened; sock_diag(7). Not thread-safe.</summary>
public sealed class SocketDiagnostics : IDisposable
{
    private const ushort SOCK_DIAG_BY_FAMILY = 20;
    private const ushort UNIX_DIAG_NAME = 0, UNIX_DIAG_VFS = 1, UNIX_DIAG_PEER = 2, UNIX_DIAG_ICONS = 3, UNIX_DIAG_RQLEN = 4, UNIX_DIAG_SHUTDOWN = 6;
    private const uint UDIAG_SHOW_NAME = 1, UDIAG_SHOW_VFS = 2, UDIAG_SHOW_PEER = 4, UDIAG_SHOW_ICONS = 8, UDIAG_SHOW_RQLEN = 0x10, AllStates = uint.MaxValue;
    private const byte AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10;
    private readonly NetlinkSocket _socket;

    private SocketDiagnostics(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens it in the calling thread's network namespace.</summary>
    public static SocketDiagnostics Open() => new(NetlinkSocket.Open(NetlinkSocket.NETLINK_SOCK_DIAG));

    /// <summary>IPv4 and IPv6 sockets in every state.</summary>
    public IReadOnlyList<InetSocketInfo> Inet(SocketProtocol protocol)
    {
        var sockets = new List<InetSocketInfo>();
        foreach (byte family in (ReadOnlySpan<byte>)[AF_INET, AF_INET6])
        {
            var request = new inet_diag_req_v2 { sdiag_family = family, sdiag_protocol = (byte)protocol, idiag_states = AllStates };
            try
            {
                _socket.Dump(new NetlinkBatch().Message($"list {protocol} sockets", SOCK_DIAG_BY_FAMILY, NetlinkBatch.NLM_F_DUMP, request),
                    (_, payload) => sockets.Add(ReadInet(protocol, payload)));
            }
            catch (LinuxException e) when (family == AF_INET6 && e.Errno is (Errno.ENOENT or Errno.EAFNOSUPPORT))
            {
                // A kernel without IPv6 has no such sockets.
            }
        }
        return sockets;
    }

    public IReadOnlyList<UnixSocketInfo> Unix()
    {
        var sockets = new List<UnixSocketInfo>();
        var request = new unix_diag_req
        {
            sdiag_family = AF_UNIX,
            udiag_states = AllStates,
            udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
        };
        _socket.Dump(new NetlinkBatch().Message("list unix sockets", SOCK_DIAG_BY_FAMILY, NetlinkBatch.NLM_F_DUMP, request), (_, payload) => sockets.Add(ReadUnix(payload)));
        return sockets;
    }

    public void Dispose() => _socket.Dispose();

    private static InetSocketInfo ReadInet(SocketProtocol protocol, ReadOnlySpan<byte> payload)
    {
        var m = NetlinkReader.Header<inet_diag_msg>(payload);
        return new InetSocketInfo(
            protocol, m.idiag_state, EndPoint(m.idiag_family, m.id.src, m.id.idiag_sport), EndPoint(m.idiag_family, m.id.dst, m.id.idiag_dport),
            m.idiag_rqueue, m.idiag_wqueue, m.idiag_uid, m.idiag_inode, (int)m.id.idiag_if);
    }

    private static IPEndPoint EndPoint(byte family, Words address, ushort port)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<uint>(address);
        return new IPEndPoint(new IPAddress(family == AF_INET6 ? bytes : bytes[..4]), BinaryPrimitives.ReverseEndianness(port));
    }

    private static UnixSocketInfo ReadUnix(ReadOnlySpan<byte> payload)
    {
        var m = NetlinkReader.Header<unix_diag_msg>(payload);
        byte[] name = [];
        uint peer = 0, received = 0, sent = 0, fileInode = 0, fileDevice = 0;
        uint[] pending = [];
        byte shutdown = 0;
        var attributes = new NetlinkReader(payload[Math.Min(Marshal.SizeOf<unix_diag_msg>(), payload.Length)..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case UNIX_DIAG_NAME: name = attributes.Value.ToArray(); break;
                case UNIX_DIAG_PEER: peer = attributes.UInt32; break;
                case UNIX_DIAG_ICONS: pending = MemoryMarshal.Cast<byte, uint>(attributes.Value).ToArray(); break;
                case UNIX_DIAG_SHUTDOWN: shutdown = attributes.Byte; break;
                case UNIX_DIAG_RQLEN when attributes.Value.Length >= 8:
                    received = attributes.UInt32;
                    sent = BinaryPrimitives.ReadUInt32LittleEndian(attributes.Value[4..]);
                    break;
                case UNIX_DIAG_VFS when attributes.Value.Length >= 8:
                    fileInode = attributes.UInt32;
                    fileDevice = BinaryPrimitives.ReadUInt32LittleEndian(attributes.Value[4..]);
                    break;
            }
        }
        return new UnixSocketInfo(m.udiag_ino, m.udiag_type, m.udiag_state, name, peer, pending, received, sent, shutdown, fileInode, fileDevice);
    }

    [InlineArray(4)]
    private struct Words
    {
        private uint _word;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct inet_diag_sockid
    {
        public ushort idiag_sport, idiag_dport;
        public Words src, dst;
        public uint idiag_if, cookie0, cookie1;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct inet_diag_req_v2
    {
        public byte sdiag_family, sdiag_protocol, idiag_ext, pad;
        public uint idiag_states;
        public inet_diag_sockid id;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct inet_diag_msg
    {
        public byte idiag_family, idiag_state, idiag_timer, idiag_retrans;
        public inet_diag_sockid id;
        public uint idiag_expires, idiag_rqueue, idiag_wqueue, idiag_uid, idiag_inode;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct unix_diag_req
    {
        public byte sdiag_family, sdiag_protocol;
        public ushort pad;
        public uint udiag_states, udiag_ino, udiag_show, cookie0, cookie1;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct unix_diag_msg
    {
        public byte udiag_family, udiag_type, udiag_state, pad;
        public uint udiag_ino, cookie0, cookie1;
    }
}
