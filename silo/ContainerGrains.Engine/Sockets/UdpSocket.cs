using System.Buffers;
using System.Buffers.Binary;
using ContainerGrains.Linux;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>UDP and UDP-Lite sockets with their multicast groups and the datagrams that nobody has read yet (udp(7)).</summary>
public sealed class UdpSocket : FileResource<UdpSocket.Record>
{
    private const int IP_PKTINFO = 8, IPV6_RECVPKTINFO = 49, IPV6_PKTINFO = 50, UDP_GRO = 104, MaxDatagramBytes = 65536, MaxErrors = 16;

    /// <param name="Local">Raw sockaddr; port 0 when not bound.</param>
    /// <param name="Peer">Null when not connected.</param>
    /// <param name="Shutdown">SHUT_RD 0 or SHUT_RDWR 2; null: neither.</param>
    /// <param name="Data">Blob of all unread bytes, cut by <paramref name="Datagrams"/>.</param>
    public sealed record Record(
        SocketKind Socket, byte[] Local, byte[]? Peer, int? Shutdown, int? Data, IReadOnlyList<Datagram> Datagrams, IReadOnlyList<MulticastMembership> Groups, byte[]? MulticastInterface, SocketOptions Options);

    public sealed record Datagram(int Length, byte[] From, byte[] To);

    public override string Kind => "udp";

    public override bool Owns(OpenFile file) => SocketKind.Of(file) is { IsUdp: true };

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        const int UDP_ENCAP = 100;
        if (Linux.Sockets.TryGetInt(file.Fd.Number, Linux.Sockets.IPPROTO_UDP, UDP_ENCAP, out int encapsulation) && encapsulation != 0)
            return ("the kernel takes tunnel packets (UDP_ENCAP) from it", "stop the tunnel before the move");
        return SocketOptions.Refusal(file, context);
    }

    public override Record Dump(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        SocketKind kind = SocketKind.Of(file)!.Value;
        SocketOptions options = SocketOptions.Dump(file, kind.Scope);
        short events = Linux.Sockets.Poll(fd, Linux.Sockets.POLLRDHUP);
        byte[] local = Linux.Sockets.Name(fd);
        (List<Datagram> datagrams, byte[] data) = (Linux.Sockets.Poll(fd, Linux.Sockets.POLLIN) & Linux.Sockets.POLLIN) != 0 ? Unread(fd, kind, local) : ([], []);
        return new Record(kind, local, Linux.Sockets.PeerName(fd),
            (events & Linux.Sockets.POLLHUP) != 0 ? Linux.Sockets.SHUT_RDWR : (events & Linux.Sockets.POLLRDHUP) != 0 ? Linux.Sockets.SHUT_RD : null,
            data.Length == 0 ? null : context.AddBlob(data), datagrams, MulticastMembership.Of(fd, kind, context), MulticastMembership.SendingInterface(fd), options);
    }

    // Where each datagram was sent to is told by packet information, also about those that came before it was asked for.
    private static (List<Datagram>, byte[]) Unread(int fd, SocketKind kind, byte[] local)
    {
        (int level, int option) = kind.Domain == Linux.Sockets.AF_INET ? (Linux.Sockets.IPPROTO_IP, IP_PKTINFO) : (Linux.Sockets.IPPROTO_IPV6, IPV6_RECVPKTINFO);
        Linux.Sockets.TryGetInt(fd, level, option, out int before);
        Linux.Sockets.SetInt(fd, level, option, 1, "IP_PKTINFO");
        byte[] buffer = ArrayPool<byte>.Shared.Rent(MaxDatagramBytes);
        try
        {
            List<Datagram> datagrams = [];
            int errors = 0;
            using var data = new MemoryStream();
            Span<byte> from = stackalloc byte[28], control = stackalloc byte[512];
            using var peek = new PeekOffset(fd, 0);
            while (true)
            {
                Linux.Sockets.Received got = Linux.Sockets.TryReceiveMessage(fd, buffer, from, control, Linux.Sockets.MSG_PEEK | Linux.Sockets.MSG_DONTWAIT);
                // An error that a peer's host had sent; it has been told now, the queue goes on.
                if (got.Length == -Errno.EAGAIN) break;
                if (got.Length < 0 && errors++ < MaxErrors) continue;
                Result.Check(got.Length, "recvmsg(MSG_PEEK)");
                byte[] to = [.. local];
                int segment = (int)got.Length;
                foreach (ControlMessage message in ControlMessages.In(control[..got.ControlLength].ToArray()))
                {
                    if (message is { Level: Linux.Sockets.IPPROTO_IP, Type: IP_PKTINFO, Data.Length: >= 12 }) message.Data.AsSpan(8, 4).CopyTo(to.AsSpan(4));
                    else if (message is { Level: Linux.Sockets.IPPROTO_IPV6, Type: IPV6_PKTINFO, Data.Length: >= 20 }) Aim(to, message.Data);
                    else if (message is { Level: Linux.Sockets.IPPROTO_UDP, Type: UDP_GRO, Data.Length: >= 4 }) segment = Math.Max(1, BinaryPrimitives.ReadInt32LittleEndian(message.Data));
                }
                data.Write(buffer, 0, (int)got.Length);
                // Several that came together and were joined (UDP_GRO) are sent apart again.
                int rest = (int)got.Length;
                do
                {
                    datagrams.Add(new Datagram(Math.Min(segment, rest), from[..got.NameLength].ToArray(), to));
                    rest -= segment;
                }
                while (rest > 0);
            }
            return (datagrams, data.ToArray());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            Linux.Sockets.SetInt(fd, level, option, before, "IP_PKTINFO");
        }
    }

    // struct in6_pktinfo into a sockaddr_in6; the interface matters for link-local addresses only.
    private static void Aim(byte[] to, byte[] info)
    {
        info.AsSpan(0, 16).CopyTo(to.AsSpan(8));
        if (info[0] == 0xFE && (info[1] & 0xC0) == 0x80) info.AsSpan(16, 4).CopyTo(to.AsSpan(24));
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        using NamespaceScope scope = NamespaceScope.EnterNetwork(context.NetworkNamespace);
        SocketKind kind = record.Socket;
        byte[] data = record.Data is { } blob ? context.Blob(blob) : [];
        if (!kind.IsUdp || record.Datagrams.Any(d => d.Length is < 0 or > MaxDatagramBytes) || record.Datagrams.Sum(d => (long)d.Length) != data.Length)
            throw new EngineException(EngineError.BadImage, file.Stage(), "the record contradicts itself; take a new checkpoint");
        FileDescriptor socket = kind.Create();
        try
        {
            int fd = socket.Number;
            record.Options.Restore(fd, kind.Scope, SocketStage.BeforeBind);
            // Each datagram is counted with about two KiB of overhead.
            record.Options.MakeRoom(fd, record.Datagrams.Count == 0 ? 0 : (int)Math.Min(data.Length + record.Datagrams.Count * 1024L, int.MaxValue), 0);
            if (SocketAddressText.Port(kind.Checked(record.Local)) != 0) Linux.Sockets.Bind(fd, record.Local);
            if (record.Peer is not null) Linux.Sockets.Connect(fd, kind.Checked(record.Peer));
            if (record.Datagrams.Count > 0) Deliver(record, fd, data, PacketForges.Of(context));
            record.Options.Restore(fd, kind.Scope, SocketStage.Connected);
            if (record.MulticastInterface is { } via) MulticastMembership.SetSendingInterface(fd, via);
            foreach (MulticastMembership group in record.Groups) group.Join(fd, kind);
            record.Options.Restore(fd, kind.Scope, SocketStage.Thaw);
            // Not connected, it is shut down all the same, and ENOTCONN said.
            if (record.Shutdown is { } how) _ = Kernel.Raw(Syscall.shutdown, fd, how);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    // Over the loopback, from the addresses they came from. What was sent to a group comes to the socket's own address here; a
    // socket that is bound to the group itself would not get that, and loses them: UDP may.
    private static void Deliver(Record record, int fd, byte[] data, PacketForge forge)
    {
        bool bound = record.Options.Structures.TryGetValue("SO_BINDTODEVICE", out byte[]? device);
        if (bound) Linux.Sockets.Set(fd, Linux.Sockets.SOL_SOCKET, SocketOption.BindToDevice, [0], "SO_BINDTODEVICE");
        int offset = 0;
        foreach (Datagram datagram in record.Datagrams)
        {
            byte[] to = record.Socket.Checked(datagram.To);
            if (SocketAddressText.IsGroup(to)) to = SocketAddressText.IsAny(record.Local) ? SocketAddressText.Loopback(record.Local, to) : record.Local;
            if (!SocketAddressText.IsGroup(to)) forge.Datagram(record.Socket.Checked(datagram.From), to, record.Socket.Protocol, data.AsSpan(offset, datagram.Length));
            offset += datagram.Length;
        }
        if (bound) Linux.Sockets.Set(fd, Linux.Sockets.SOL_SOCKET, SocketOption.BindToDevice, device, "SO_BINDTODEVICE");
    }
}
