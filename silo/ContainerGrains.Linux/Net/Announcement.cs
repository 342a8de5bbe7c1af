using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ContainerGrains.Linux.Net;

/// <summary>Frames by which an interface says where it is: gratuitous ARP (RFC 5227, a request and a reply), or an unsolicited neighbour advertisement (RFC 4861).</summary>
internal static class Announcement
{
    public static IReadOnlyList<byte[]> Frames(MacAddress mac, IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetworkV6 ? [NeighbourAdvertisement(mac, address)] : [Arp(mac, address, 1), Arp(mac, address, 2)];

    private static byte[] Arp(MacAddress mac, IPAddress address, ushort operation)
    {
        byte[] hardware = mac.ToBytes(), protocol = address.GetAddressBytes();
        byte[] broadcast = MacAddress.Broadcast.ToBytes();
        return
        [
            .. new byte[PacketSocket.VnetHeaderLength],
            .. broadcast, .. hardware, 0x08, 0x06,
            0, 1, 0x08, 0, 6, 4, 0, (byte)operation, // Ethernet, IPv4
            .. hardware, .. protocol, .. broadcast, .. protocol,
        ];
    }

    private static byte[] NeighbourAdvertisement(MacAddress mac, IPAddress address)
    {
        byte[] hardware = mac.ToBytes(), source = address.GetAddressBytes(), allNodes = IPAddress.Parse("ff02::1").GetAddressBytes();
        byte[] message =
        [
            136, 0, 0, 0, 0x20, 0, 0, 0, // override
            .. source, 2, 1, .. hardware,
        ];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum([.. source, .. allNodes, 0, 0, 0, (byte)message.Length, 0, 0, 0, 58, .. message]));
        return
        [
            .. new byte[PacketSocket.VnetHeaderLength],
            0x33, 0x33, 0, 0, 0, 1, .. hardware, 0x86, 0xdd,
            0x60, 0, 0, 0, 0, (byte)message.Length, 58, 255, .. source, .. allNodes, .. message,
        ];
    }

    // The Internet checksum (RFC 1071) of an even number of bytes.
    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }
}
