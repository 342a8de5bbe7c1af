using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// TCP connections: being made, established, half closed, or ended but still open here, with both queues (tcp(7), TCP_REPAIR).
/// The dump puts the connection into repair mode: nothing leaves it until the container thaws, and when its last descriptor is
/// closed in that mode the peer hears nothing. The caller has locked the container's network before.
/// </summary>
public sealed class TcpConnection : FileResource<TcpConnection.Record>
{
    private const int SO_PEERNAME = 28, TCP_ULP = 31, ChunkBytes = 32 * 1024;

    /// <param name="State">As tcp_states.h numbers them; 7, closed: ended by both sides or reset.</param>
    /// <param name="ReceiveSequence">rcv_nxt; past the peer's FIN when it was received.</param>
    /// <param name="SendSequence">write_seq; past our FIN when it was sent.</param>
    /// <param name="Received">Blob of what the program has not read yet; null: nothing.</param>
    /// <param name="Sent">Blob of what was written and not acknowledged; null: nothing.</param>
    /// <param name="UnsentBytes">How many bytes of it, at its end, were never sent.</param>
    /// <param name="FinUnsent">Our FIN waits behind them.</param>
    /// <param name="ReadShutdown">shutdown(SHUT_RD) here, without a FIN of the peer.</param>
    /// <param name="Reset">Closed, with an error that the program has not seen.</param>
    public sealed record Record(
        SocketKind Socket, TcpState State, byte[] Local, byte[] Peer, uint ReceiveSequence, uint SendSequence, int? Received, int? Sent, int UnsentBytes, bool FinUnsent,
        bool ReadShutdown, bool Reset, int MaxSegment, bool Sack, bool Timestamps, uint Timestamp, int? SendScale, int? ReceiveScale, TcpWindow Window, SocketOptions Options);

    public override string Kind => "tcp-connection";

    /// <summary>After the listeners: a port that a connection holds could not be listened on, the other way round it can.</summary>
    public override int RestoreOrder => 10;

    public override bool Owns(OpenFile file) => SocketKind.Of(file) is { IsTcp: true };

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        Span<byte> ulp = stackalloc byte[16];
        if (Sockets.TryGet(fd, Sockets.IPPROTO_TCP, TCP_ULP, ulp) > 0)
            return ("the kernel encrypts it (kTLS) or another protocol is layered on it (TCP_ULP)", "let the program encrypt by itself");
        return SocketOptions.Refusal(file, context);
    }

    public override (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        if (TcpInfo.Of(fd).State is TcpState.SynReceived or TcpState.NewSynReceived)
            return ("its handshake is not finished (SYN_RECV)", "move again when its peer has answered");
        return (Sockets.Poll(fd, Sockets.POLLPRI) & Sockets.POLLPRI) != 0 ? ("urgent data (MSG_OOB) waits in it", "let the program read it first") : null;
    }

    /// <summary>Whom the socket is or was connected to; null: nobody yet. Unlike getpeername(2) it also answers when closed.</summary>
    internal static byte[]? LastPeer(int fd)
    {
        // Asked for more than there is, the kernel answers EINVAL.
        byte[] name = new byte[Sockets.Name(fd).Length];
        return Sockets.TryGet(fd, Sockets.SOL_SOCKET, SO_PEERNAME, name) == name.Length ? name : null;
    }

    public override Record Dump(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        if (Refuses(file, context) is { } refusal)
            throw new EngineException(EngineError.NotCarried, $"dump: {file.Owner.Title} {file.Title}", $"{refusal.Reason}; {refusal.Remedy}");
        SocketKind kind = SocketKind.Of(file)!.Value;
        SocketOptions options = SocketOptions.Dump(file, kind.Scope, connected: true);
        TcpInfo info = TcpInfo.Of(fd);
        short events = Sockets.Poll(fd, Sockets.POLLRDHUP);
        int reuse = Sockets.GetInt(fd, Sockets.SOL_SOCKET, SocketOption.ReuseAddress, "SO_REUSEADDR");

        context.OnThaw(() =>
        {
            TcpRepair.Off(fd, probe: false);
            // Leaving repair mode clears it.
            Sockets.SetInt(fd, Sockets.SOL_SOCKET, SocketOption.ReuseAddress, reuse, "SO_REUSEADDR");
        });
        TcpRepair.On(fd);

        bool closed = info.State == TcpState.Close, connecting = info.State == TcpState.SynSent;
        int finSent = FinSent(info.State) ? 1 : 0;
        int outstanding = closed || connecting ? 0 : Sockets.GetIoctl(fd, Sockets.SIOCOUTQ, "SIOCOUTQ");
        int unsent = closed || connecting ? 0 : Sockets.GetIoctl(fd, Sockets.SIOCOUTQNSD, "SIOCOUTQNSD");
        // Both count our FIN as a byte, as long as it is not acknowledged or not sent.
        bool finUnsent = finSent == 1 && unsent > 0;
        int sentBytes = Math.Max(0, outstanding - (outstanding > 0 ? finSent : 0)), unsentBytes = unsent - (finUnsent ? 1 : 0);

        byte[] received, sent;
        uint receiveSequence, sendSequence;
        using (new PeekOffset(fd, -1))
        {
            TcpRepair.SelectReceiveQueue(fd);
            receiveSequence = TcpRepair.Sequence(fd);
            received = connecting ? [] : PeekReceived(fd);
            TcpRepair.SelectSendQueue(fd);
            sendSequence = TcpRepair.Sequence(fd);
            sent = PeekSent(fd, sentBytes);
        }
        bool scaled = (info.Options & TcpInfo.TCPI_OPT_WSCALE) != 0, established = !closed && !connecting;
        return new Record(kind, info.State, Sockets.Name(fd), LastPeer(fd)!, receiveSequence, sendSequence,
            received.Length == 0 ? null : context.AddBlob(received), sent.Length == 0 ? null : context.AddBlob(sent), unsentBytes, finUnsent,
            (events & Sockets.POLLRDHUP) != 0 && !FinReceived(info.State) && !closed, closed && (events & Sockets.POLLERR) != 0,
            TcpRepair.MaxSegment(fd), (info.Options & TcpInfo.TCPI_OPT_SACK) != 0, (info.Options & TcpInfo.TCPI_OPT_TIMESTAMPS) != 0, TcpRepair.Timestamp(fd),
            scaled ? info.SendScale : null, scaled ? info.ReceiveScale : null, established ? TcpRepair.Window(fd) : default, options);
    }

    /// <summary>
    /// For a container that thaws after its engine died: its connections are still as the dump has left them. Whether one had SO_REUSEADDR
    /// is not known any more; with it, a server may listen on its port anew.
    /// </summary>
    internal static void LeaveRepairMode(OpenFile file)
    {
        if (SocketKind.Of(file) is not { IsTcp: true } || !TcpRepair.IsOn(file.Fd.Number)) return;
        TcpRepair.Off(file.Fd.Number, probe: false);
        Sockets.SetInt(file.Fd.Number, Sockets.SOL_SOCKET, SocketOption.ReuseAddress, 1, "SO_REUSEADDR");
    }

    private static bool FinSent(TcpState state) => state is TcpState.FinWait1 or TcpState.FinWait2 or TcpState.Closing or TcpState.LastAck;
    private static bool FinReceived(TcpState state) => state is TcpState.CloseWait or TcpState.Closing or TcpState.LastAck;

    private static byte[] PeekReceived(int fd)
    {
        int length = Sockets.GetIoctl(fd, Sockets.FIONREAD, "FIONREAD");
        if (length == 0) return [];
        byte[] bytes = new byte[length];
        long got = Result.Check(Sockets.TryReceive(fd, bytes, Sockets.MSG_PEEK | Sockets.MSG_DONTWAIT), "recv(receive queue)");
        return got == length ? bytes : throw new LinuxException($"recv(receive queue): {got} of {length} bytes", Errno.EIO);
    }

    private static byte[] PeekSent(int fd, int length)
    {
        if (length == 0) return [];
        // A segment that was acknowledged in part is still whole in the queue: the queue may hold more than is outstanding.
        for (int room = length + 65536; ; room *= 2)
        {
            byte[] bytes = new byte[room];
            long got = Sockets.TryReceive(fd, bytes, Sockets.MSG_PEEK | Sockets.MSG_DONTWAIT);
            if (got == -Errno.EFAULT && room < 1 << 28) continue;
            Result.Check(got, "recv(send queue)");
            return got >= length ? bytes.AsSpan((int)got - length, length).ToArray() : throw new LinuxException($"recv(send queue): {got} of {length} bytes", Errno.EIO);
        }
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        using NamespaceScope scope = NamespaceScope.EnterNetwork(context.NetworkNamespace);
        SocketKind kind = record.Socket;
        byte[] received = record.Received is { } r ? context.Blob(r) : [], sent = record.Sent is { } s ? context.Blob(s) : [];
        if (!kind.IsTcp || record.UnsentBytes < 0 || record.UnsentBytes > sent.Length || record.State is TcpState.Listen or TcpState.SynReceived or 0 or > TcpState.Closing)
            throw new EngineException(EngineError.BadImage, "restore: tcp connection", "the record contradicts itself; take a new checkpoint");
        kind.Checked(record.Local);
        kind.Checked(record.Peer);

        FileDescriptor socket = kind.Create();
        try
        {
            int fd = socket.Number;
            // SO_REUSEADDR would take back what repair mode gives: a bind beside the listener.
            record.Options.Restore(fd, kind.Scope, SocketStage.BeforeBind, exceptReuse: true);
            record.Options.MakeRoom(fd, received.Length, sent.Length);
            TcpRepair.On(fd);
            if (record.State == TcpState.SynSent) Connecting(record, fd, file, context);
            else Connected(record, fd, received, sent, context);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // The same SYN again, with its old number, at the thaw: an answer to the first one fits, too.
    private static void Connecting(Record record, int fd, FileRecord file, RestoreContext context)
    {
        TcpRepair.SelectSendQueue(fd);
        TcpRepair.SetSequence(fd, record.SendSequence - 1);
        Sockets.Bind(fd, record.Local);
        record.Options.Restore(fd, record.Socket.Scope, SocketStage.Connected);
        context.OnThaw(() =>
        {
            TcpRepair.Off(fd, probe: false);
            Thaw(record, fd);
            // Never waits: a program that does will find the attempt under way when its call is restarted.
            Files.SetStatusFlags(fd, file.Flags | Files.O_NONBLOCK);
            // A peer that cannot be reached from here: the program finds a socket that is not connected, and nothing else stops for it.
            _ = Sockets.TryConnect(fd, record.Peer);
            Files.SetStatusFlags(fd, file.Flags);
        });
    }

    private static void Connected(Record record, int fd, byte[] received, byte[] sent, RestoreContext context)
    {
        // A closed connection is made again up to its end, and then ended.
        bool closed = record.State == TcpState.Close;
        bool finReceived = FinReceived(record.State) || closed && !record.Reset;
        uint receivedEnd = record.ReceiveSequence - (finReceived ? 1u : 0), sentEnd = record.SendSequence - (FinSent(record.State) || closed ? 1u : 0);

        TcpRepair.SelectReceiveQueue(fd);
        TcpRepair.SetSequence(fd, receivedEnd - (uint)received.Length);
        TcpRepair.SelectSendQueue(fd);
        TcpRepair.SetSequence(fd, sentEnd - (uint)sent.Length);
        Sockets.Bind(fd, record.Local);
        Sockets.Connect(fd, record.Peer);
        TcpRepair.SetNegotiated(fd, record.MaxSegment, record.Sack, record.Timestamps, record is { SendScale: { } send, ReceiveScale: { } receive } ? (send, receive) : null);
        TcpRepair.SetTimestamp(fd, record.Timestamp);

        TcpRepair.SelectReceiveQueue(fd);
        Sockets.SendAll(fd, received, ChunkBytes, "send(receive queue)");
        TcpRepair.SelectSendQueue(fd);
        int unacknowledged = sent.Length - record.UnsentBytes;
        Sockets.SendAll(fd, sent.AsSpan(0, unacknowledged), ChunkBytes, "send(send queue)");
        if (!closed) TcpRepair.SetWindow(fd, WindowAt(record.Window, receivedEnd));

        End(record, fd, receivedEnd, sentEnd, (uint)sent.Length, context);
        record.Options.Restore(fd, record.Socket.Scope, SocketStage.Connected);
        if (record.ReadShutdown) Sockets.Shutdown(fd, Sockets.SHUT_RD);

        context.OnThaw(() =>
        {
            TcpRepair.Off(fd, probe: true);
            bool alive = SendUnsent(fd, sent.AsSpan(unacknowledged));
            if (alive && record.FinUnsent) Sockets.Shutdown(fd, Sockets.SHUT_WR);
            Thaw(record, fd);
        });
    }

    // False: the peer has reset the connection since; the program will find that out itself.
    private static bool SendUnsent(int fd, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            long sent = Sockets.TrySend(fd, data[..Math.Min(ChunkBytes, data.Length)], Sockets.MSG_DONTWAIT);
            if (sent is -Errno.ECONNRESET or -Errno.EPIPE or -Errno.ETIMEDOUT) return false;
            data = data[(int)Result.Check(sent, "send(unsent)")..];
        }
        return true;
    }

    // The kernel refuses a window that was announced beyond what is received: it was told of after the FIN, which comes later here.
    private static TcpWindow WindowAt(TcpWindow window, uint receivedEnd) =>
        (int)(window.RcvWup - receivedEnd) > 0 ? window with { RcvWup = receivedEnd, RcvWnd = window.RcvWnd + (window.RcvWup - receivedEnd) } : window;

    // Leads the connection to where it was on its way to the end. Our FIN counts as sent in repair mode; what had come from the
    // peer, its FIN, its acknowledgement of ours or its reset, is delivered over the loopback.
    private static void End(Record record, int fd, uint receivedEnd, uint sentEnd, uint outstanding, RestoreContext context)
    {
        if (record.State is TcpState.Established) return;
        PacketForge forge = PacketForges.Of(context);
        ushort window = (ushort)Math.Min(record.Window.SndWnd >> (record.SendScale ?? 0), ushort.MaxValue);
        // Over the loopback the packet would miss a socket that is bound to another interface.
        bool bound = record.Options.Structures.TryGetValue("SO_BINDTODEVICE", out byte[]? device);
        if (bound) Sockets.Set(fd, Sockets.SOL_SOCKET, SocketOption.BindToDevice, [0], "SO_BINDTODEVICE");

        bool fin = FinSent(record.State) && !record.FinUnsent || record.State == TcpState.Close && !record.Reset;
        uint unacknowledged = sentEnd - outstanding;
        switch (record.State)
        {
            case TcpState.CloseWait or TcpState.LastAck:
                Deliver(PacketForge.FIN | PacketForge.ACK, unacknowledged, TcpState.CloseWait);
                if (fin) Sockets.Shutdown(fd, Sockets.SHUT_WR);
                break;
            case TcpState.FinWait1 or TcpState.FinWait2 or TcpState.Closing:
                if (fin) Sockets.Shutdown(fd, Sockets.SHUT_WR);
                if (record.State == TcpState.FinWait2) Deliver(PacketForge.ACK, sentEnd + 1, TcpState.FinWait2);
                if (record.State == TcpState.Closing) Deliver(PacketForge.FIN | PacketForge.ACK, unacknowledged, fin ? TcpState.Closing : TcpState.CloseWait);
                break;
            case TcpState.Close when record.Reset:
                Deliver(PacketForge.RST | PacketForge.ACK, unacknowledged, TcpState.Close);
                break;
            default:
                Sockets.Shutdown(fd, Sockets.SHUT_WR);
                Deliver(PacketForge.FIN | PacketForge.ACK, sentEnd + 1, TcpState.Close);
                break;
        }
        if (bound) Sockets.Set(fd, Sockets.SOL_SOCKET, SocketOption.BindToDevice, device, "SO_BINDTODEVICE");

        void Deliver(byte flags, uint acknowledgement, TcpState expected)
        {
            forge.Segment(record.Peer, record.Local, flags, receivedEnd, acknowledgement, window);
            // The loopback delivers within the call, or on this CPU's softirq thread a moment later.
            for (int i = 0; TcpInfo.Of(fd).State != expected; i++)
            {
                if (i == 10_000)
                    throw new EngineException(EngineError.Internal, "restore: tcp connection",
                        $"the connection to {SocketAddressText.Describe(record.Peer)} is {TcpInfo.Of(fd).State} instead of {expected}; is the loopback up, and does no filter drop on it?");
                Thread.Yield();
            }
        }
    }

    private static void Thaw(Record record, int fd)
    {
        record.Options.Restore(fd, record.Socket.Scope, SocketStage.Thaw);
        record.Options.Numbers.TryGetValue("SO_REUSEADDR", out long reuse);
        Sockets.SetInt(fd, Sockets.SOL_SOCKET, SocketOption.ReuseAddress, (int)reuse, "SO_REUSEADDR");
    }
}
