using System.Diagnostics;
using System.Net;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Linux.Tests.Net;

/// <summary>Asks by hand who has an address; what the stack would do, without its cache.</summary>
internal sealed class ArpAsker : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);
    private readonly PacketSocket _socket;
    private readonly MacAddress _mac;

    public ArpAsker(int linkIndex, MacAddress mac)
    {
        _mac = mac;
        _socket = PacketSocket.Open(linkIndex);
        // Keeps the first 128 bytes of what is ARP: load protocol, compare, return.
        using FileDescriptor filter = Bpf.Load(Bpf.BPF_PROG_TYPE_SOCKET_FILTER, new BpfAssembler()
            .Load32(BpfAssembler.R7, BpfAssembler.R1, 16)
            .JumpIf(BpfAssembler.R7, BpfAssembler.Condition.NotEqual, 0x0608, "no")
            .Set(BpfAssembler.R0, 128).Exit()
            .Label("no").Set(BpfAssembler.R0, 0).Exit()
            .ToArray());
        _socket.Listen(filter, 1 << 16);
    }

    /// <summary>The first answer that comes; null when none does. Asks again ten times a second.</summary>
    public byte[]? Ask(IPAddress from, IPAddress target, TimeSpan patience)
    {
        byte[] mac = _mac.ToBytes();
        byte[] question =
        [
            .. new byte[PacketSocket.VnetHeaderLength], 255, 255, 255, 255, 255, 255, .. mac, 8, 6,
            0, 1, 8, 0, 6, 4, 0, 1, .. mac, .. from.GetAddressBytes(), 0, 0, 0, 0, 0, 0, .. target.GetAddressBytes(),
        ];
        byte[] buffer = new byte[2048];
        TimeSpan next = TimeSpan.Zero;
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < patience;)
        {
            if (Stopwatch.GetElapsedTime(start) >= next)
            {
                _socket.Send(question);
                next += Period;
            }
            int length = _socket.Receive(buffer);
            if (length == 0) Thread.Yield();
            else if (!buffer.AsSpan(PacketSocket.VnetHeaderLength + 6, 6).SequenceEqual(mac)) return buffer[..length];
        }
        return null;
    }

    public void Dispose() => _socket.Dispose();
}
