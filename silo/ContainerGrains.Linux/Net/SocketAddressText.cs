using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace ContainerGrains.Linux;

/// <summary>Raw socket addresses as people write them, for messages.</summary>
public static class SocketAddressText
{
    public static string Describe(ReadOnlySpan<byte> address)
    {
        if (address.Length < 2) return "?";
        int family = BinaryPrimitives.ReadUInt16LittleEndian(address);
        return family switch
        {
            Sockets.AF_INET when address.Length >= 16 => new IPEndPoint(new IPAddress(address.Slice(4, 4)), Port(address)).ToString(),
            Sockets.AF_INET6 when address.Length >= 28 => new IPEndPoint(new IPAddress(address.Slice(8, 16)), Port(address)).ToString(),
            Sockets.AF_UNIX when address.Length == 2 => "unnamed",
            Sockets.AF_UNIX when address[2] == 0 => "@" + Encoding.UTF8.GetString(address[3..]),
            Sockets.AF_UNIX => Encoding.UTF8.GetString(address[2..]).TrimEnd('\0'),
            _ => $"address family {family}",
        };
    }

    /// <summary>Port of an IPv4 or IPv6 address.</summary>
    public static int Port(ReadOnlySpan<byte> address) => BinaryPrimitives.ReadUInt16BigEndian(address[2..]);

    /// <summary>Whether it is a multicast or the limited broadcast address (an IPv4-mapped one too).</summary>
    public static bool IsGroup(ReadOnlySpan<byte> address)
    {
        ReadOnlySpan<byte> ip = Ip(address);
        return ip.Length == 4 ? ip[0] is >= 224 and < 240 || ip.SequenceEqual<byte>([255, 255, 255, 255]) : ip[0] == 0xFF;
    }

    /// <summary>0.0.0.0 or [::].</summary>
    public static bool IsAny(ReadOnlySpan<byte> address) => !Ip(address).ContainsAnyExcept((byte)0);

    /// <summary>The loopback address of the family that <paramref name="like"/> really is, with the port of <paramref name="local"/>.</summary>
    public static byte[] Loopback(ReadOnlySpan<byte> local, ReadOnlySpan<byte> like)
    {
        byte[] address = local.ToArray();
        bool mapped = local.Length >= 28 && Ip(like).Length == 4;
        ReadOnlySpan<byte> ip = local.Length < 28 ? [127, 0, 0, 1] : mapped ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1] : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        ip.CopyTo(address.AsSpan(local.Length < 28 ? 4 : 8));
        return address;
    }

    /// <summary>4 bytes for IPv4, also when mapped into IPv6, or 16.</summary>
    public static ReadOnlySpan<byte> Ip(ReadOnlySpan<byte> address)
    {
        if (address.Length < 28) return address.Slice(4, 4);
        ReadOnlySpan<byte> six = address.Slice(8, 16);
        return six[..12].SequenceEqual<byte>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) ? six[12..] : six;
    }
}
