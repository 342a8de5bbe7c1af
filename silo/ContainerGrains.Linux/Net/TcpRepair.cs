using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>States of a TCP connection (net/tcp_states.h).</summary>
public enum TcpState : byte
{
    Established = 1, SynSent, SynReceived, FinWait1, FinWait2, TimeWait, Close, CloseWait, LastAck, Listen, Closing, NewSynReceived,
}

/// <summary>What the rooms need of struct tcp_info (tcp(7)).</summary>
public readonly record struct TcpInfo(TcpState State, byte Options, byte SendScale, byte ReceiveScale, int Backlog, int MaxBacklog)
{
    public const byte TCPI_OPT_TIMESTAMPS = 1, TCPI_OPT_SACK = 2, TCPI_OPT_WSCALE = 4;

    public static TcpInfo Of(int fd)
    {
        Span<byte> info = stackalloc byte[104];
        Result.Check(Sockets.TryGet(fd, Sockets.IPPROTO_TCP, 11, info), "getsockopt(TCP_INFO)");
        // For a listening socket tcpi_unacked and tcpi_sacked are the length and the limit of its accept queue.
        return new TcpInfo((TcpState)info[0], info[5], (byte)(info[6] & 15), (byte)(info[6] >> 4),
            BinaryPrimitives.ReadInt32LittleEndian(info[24..]), BinaryPrimitives.ReadInt32LittleEndian(info[28..]));
    }
}

/// <summary>struct tcp_repair_window.</summary>
[StructLayout(LayoutKind.Sequential)]
public record struct TcpWindow(uint SndWl1, uint SndWnd, uint MaxWindow, uint RcvWnd, uint RcvWup);

/// <summary>TCP_REPAIR: a connection's inner state read and written, nothing sent meanwhile (tcp(7), CRIU's reason for it).</summary>
public static class TcpRepair
{
    private const int TCP_MAXSEG = 2, TCP_REPAIR = 19, TCP_REPAIR_QUEUE = 20, TCP_QUEUE_SEQ = 21, TCP_REPAIR_OPTIONS = 22, TCP_TIMESTAMP = 24, TCP_REPAIR_WINDOW = 29;
    private const int TCP_RECV_QUEUE = 1, TCP_SEND_QUEUE = 2;
    private const int TCPOPT_MSS = 2, TCPOPT_WINDOW = 3, TCPOPT_SACK_PERM = 4, TCPOPT_TIMESTAMP = 8;

    public static bool IsOn(int fd) => Sockets.GetInt(fd, Sockets.IPPROTO_TCP, TCP_REPAIR, "TCP_REPAIR") == 1;
    public static void On(int fd) => Set(fd, TCP_REPAIR, 1, "TCP_REPAIR");

    /// <summary>Leaves repair mode; with a probe, an established connection tells its peer where it stands and asks the same.</summary>
    public static void Off(int fd, bool probe) => Set(fd, TCP_REPAIR, probe ? 0 : -1, "TCP_REPAIR");

    public static void SelectReceiveQueue(int fd) => Set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE, "TCP_REPAIR_QUEUE");
    public static void SelectSendQueue(int fd) => Set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE, "TCP_REPAIR_QUEUE");

    /// <summary>Sequence number after the selected queue's last byte (rcv_nxt, write_seq).</summary>
    public static uint Sequence(int fd) => (uint)Sockets.GetInt(fd, Sockets.IPPROTO_TCP, TCP_QUEUE_SEQ, "TCP_QUEUE_SEQ");
    public static void SetSequence(int fd, uint sequence) => Set(fd, TCP_QUEUE_SEQ, (int)sequence, "TCP_QUEUE_SEQ");

    public static uint Timestamp(int fd) => (uint)Sockets.GetInt(fd, Sockets.IPPROTO_TCP, TCP_TIMESTAMP, "TCP_TIMESTAMP");
    public static void SetTimestamp(int fd, uint timestamp) => Set(fd, TCP_TIMESTAMP, (int)timestamp, "TCP_TIMESTAMP");

    /// <summary>The negotiated limit of a segment (mss_clamp): in repair mode TCP_MAXSEG gives it.</summary>
    public static int MaxSegment(int fd) => Sockets.GetInt(fd, Sockets.IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG");

    public static TcpWindow Window(int fd)
    {
        TcpWindow window = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<TcpWindow>(ref window));
        Result.Check(Sockets.TryGet(fd, Sockets.IPPROTO_TCP, TCP_REPAIR_WINDOW, bytes), "getsockopt(TCP_REPAIR_WINDOW)");
        return window;
    }

    public static void SetWindow(int fd, TcpWindow window) =>
        Sockets.Set(fd, Sockets.IPPROTO_TCP, TCP_REPAIR_WINDOW, MemoryMarshal.AsBytes(new ReadOnlySpan<TcpWindow>(in window)), "TCP_REPAIR_WINDOW");

    /// <summary>What the two ends agreed upon in their handshake; the connection must be established, and in repair mode.</summary>
    public static void SetNegotiated(int fd, int maxSegment, bool sack, bool timestamps, (int Send, int Receive)? scale)
    {
        Span<uint> options = stackalloc uint[8];
        int count = 0;
        if (scale is { } s) Add(options, TCPOPT_WINDOW, (uint)(s.Send | s.Receive << 16));
        if (timestamps) Add(options, TCPOPT_TIMESTAMP, 0);
        if (sack) Add(options, TCPOPT_SACK_PERM, 0);
        Add(options, TCPOPT_MSS, (uint)maxSegment);
        Sockets.Set(fd, Sockets.IPPROTO_TCP, TCP_REPAIR_OPTIONS, MemoryMarshal.AsBytes(options[..(count * 2)]), "TCP_REPAIR_OPTIONS");

        void Add(Span<uint> target, uint code, uint value)
        {
            target[count * 2] = code;
            target[count * 2 + 1] = value;
            count++;
        }
    }

    private static void Set(int fd, int option, int value, string name) => Sockets.SetInt(fd, Sockets.IPPROTO_TCP, option, value, name);
}
