using System.Buffers.Binary;

namespace ContainerGrains.Linux;

/// <summary>
/// Delivers a packet to a socket of the current network namespace as if its peer had sent it: a raw socket sends it to the local
/// address, so it goes over the loopback and never leaves (raw(7), IP_HDRINCL). So a connection learns of a FIN, of an
/// acknowledgement or of a reset that it had learned of before, and a socket gets a datagram back with its sender's address.
/// </summary>
public sealed class PacketForge : IDisposable
{
    public const byte FIN = 1, RST = 4, ACK = 16;
    private FileDescriptor? _raw4;
    private FileDescriptor? _raw6;

    /// <summary>Sends one TCP segment without data; addresses are sockaddr_in or sockaddr_in6 (IPv4-mapped is IPv4).</summary>
    public void Segment(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, byte flags, uint sequence, uint acknowledgement, ushort window)
    {
        Span<byte> tcp = stackalloc byte[20];
        tcp.Clear();
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgement);
        tcp[12] = 5 << 4;
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], window);
        Send(from, to, Sockets.IPPROTO_TCP, tcp, 16);
    }

    /// <summary>Sends one UDP datagram.</summary>
    public void Datagram(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, int protocol, ReadOnlySpan<byte> data)
    {
        byte[] udp = new byte[8 + data.Length];
        // UDP-Lite has its checksum's coverage where UDP has the length: 0 covers all of it.
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(4), (ushort)(protocol == Sockets.IPPROTO_UDPLITE ? 0 : udp.Length));
        data.CopyTo(udp.AsSpan(8));
        Send(from, to, protocol, udp, 6);
    }

    private void Send(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, int protocol, Span<byte> payload, int checksumAt)
    {
        ReadOnlySpan<byte> source = SocketAddressText.Ip(from), target = SocketAddressText.Ip(to);
        if (source.Length != target.Length) throw new LinuxException("raw packet", Errno.EAFNOSUPPORT, path: SocketAddressText.Describe(from));
        from.Slice(2, 2).CopyTo(payload);
        to.Slice(2, 2).CopyTo(payload[2..]);
        ushort checksum = Checksum(source, target, protocol, payload);
        BinaryPrimitives.WriteUInt16BigEndian(payload[checksumAt..], checksum == 0 && protocol != Sockets.IPPROTO_TCP ? (ushort)0xFFFF : checksum);

        bool v4 = source.Length == 4;
        byte[] packet = new byte[(v4 ? 20 : 40) + payload.Length];
        payload.CopyTo(packet.AsSpan(v4 ? 20 : 40));
        byte[] destination = new byte[v4 ? 16 : 28];
        BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)(v4 ? Sockets.AF_INET : Sockets.AF_INET6));
        if (v4)
        {
            // The kernel fills in length, id and checksum.
            packet[0] = 0x45;
            packet[8] = 64;
            packet[9] = (byte)protocol;
            source.CopyTo(packet.AsSpan(12));
            target.CopyTo(packet.AsSpan(16));
            target.CopyTo(destination.AsSpan(4));
            _raw4 ??= Sockets.Create(Sockets.AF_INET, Sockets.SOCK_RAW, Sockets.IPPROTO_RAW);
        }
        else
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)payload.Length);
            packet[6] = (byte)protocol;
            packet[7] = 64;
            source.CopyTo(packet.AsSpan(8));
            target.CopyTo(packet.AsSpan(24));
            target.CopyTo(destination.AsSpan(8));
            to[24..28].CopyTo(destination.AsSpan(24));
            _raw6 ??= Sockets.Create(Sockets.AF_INET6, Sockets.SOCK_RAW, Sockets.IPPROTO_RAW);
        }
        FileDescriptor raw = (v4 ? _raw4 : _raw6)!;
        Result.Check(Sockets.TrySendMessage(raw.Number, packet, destination, [], 0), "sendmsg(raw)", path: SocketAddressText.Describe(to));
    }

    // RFC 1071 over the pseudo header and the payload.
    private static ushort Checksum(ReadOnlySpan<byte> source, ReadOnlySpan<byte> target, int protocol, ReadOnlySpan<byte> payload)
    {
        uint sum = (uint)(protocol + payload.Length) + Sum(source) + Sum(target) + Sum(payload);
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (; bytes.Length >= 2; bytes = bytes[2..]) sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        return bytes.Length == 1 ? sum + (uint)(bytes[0] << 8) : sum;
    }

    public void Dispose()
    {
        _raw4?.Dispose();
        _raw6?.Dispose();
    }
}
