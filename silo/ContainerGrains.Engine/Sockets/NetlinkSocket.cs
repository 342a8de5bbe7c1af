using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Netlink sockets: protocol, port, multicast groups (netlink(7)).</summary>
public sealed class NetlinkSocket : FileResource<NetlinkSocket.Record>
{
    private const int NETLINK_ADD_MEMBERSHIP = 1, NETLINK_LIST_MEMBERSHIPS = 9;

    // What the kernel keeps for a socket of these ends with the socket's own state. NETLINK_NETFILTER is not here: queues and logs
    // are bound to the socket in the kernel and cannot be read back.
    private static readonly (int Protocol, string Name)[] Simple =
        [(0, "NETLINK_ROUTE"), (2, "NETLINK_USERSOCK"), (4, "NETLINK_SOCK_DIAG"), (6, "NETLINK_XFRM"), (15, "NETLINK_KOBJECT_UEVENT"), (16, "NETLINK_GENERIC")];

    /// <param name="Port">nl_pid; 0: not bound.</param>
    /// <param name="PeerPort">Of a connected one.</param>
    public sealed record Record(SocketKind Socket, uint Port, IReadOnlyList<int> Groups, uint PeerPort, uint PeerGroups, SocketOptions Options);

    public override string Kind => "netlink";

    public override bool Owns(OpenFile file) => SocketKind.Of(file) is { Domain: Linux.Sockets.AF_NETLINK };

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) =>
        SocketKind.Of(file) is { } kind && !Simple.Any(s => s.Protocol == kind.Protocol)
            ? ($"the kernel holds state for this netlink protocol ({kind.Protocol}) that cannot be read", "close it before the move")
            : SocketOptions.Refusal(file, context);

    public override (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context) =>
        (Linux.Sockets.Poll(file.Fd.Number, Linux.Sockets.POLLIN) & Linux.Sockets.POLLIN) != 0 ? ("answers of the kernel wait in it", "let the program read them") : null;

    public override Record Dump(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        SocketKind kind = SocketKind.Of(file)!.Value;
        // struct sockaddr_nl {family, pad, pid, groups}
        byte[] local = Linux.Sockets.Name(fd), peer = Linux.Sockets.PeerName(fd) ?? new byte[12];
        return new Record(kind, BinaryPrimitives.ReadUInt32LittleEndian(local.AsSpan(4)), Groups(fd),
            BinaryPrimitives.ReadUInt32LittleEndian(peer.AsSpan(4)), BinaryPrimitives.ReadUInt32LittleEndian(peer.AsSpan(8)), SocketOptions.Dump(file, kind.Scope));
    }

    private static List<int> Groups(int fd)
    {
        byte[] bits = new byte[256];
        int length = (int)Math.Max(0, Linux.Sockets.TryGet(fd, Linux.Sockets.SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, bits));
        List<int> groups = [];
        for (int i = 0; i < Math.Min(length, bits.Length) * 8; i++)
            if ((bits[i / 8] & 1 << i % 8) != 0) groups.Add(i + 1);
        return groups;
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        using NamespaceScope scope = NamespaceScope.EnterNetwork(context.NetworkNamespace);
        if (record.Socket.Domain != Linux.Sockets.AF_NETLINK) throw new EngineException(EngineError.BadImage, file.Stage(), "the record contradicts itself; take a new checkpoint");
        FileDescriptor socket = record.Socket.Create();
        try
        {
            int fd = socket.Number;
            if (record.Port != 0) Linux.Sockets.Bind(fd, Address(record.Port, 0));
            foreach (int group in record.Groups) Linux.Sockets.SetInt(fd, Linux.Sockets.SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, "NETLINK_ADD_MEMBERSHIP");
            if (record.PeerPort != 0 || record.PeerGroups != 0) Linux.Sockets.Connect(fd, Address(record.PeerPort, record.PeerGroups));
            record.Options.MakeRoom(fd, 0, 0);
            foreach (SocketStage stage in Enum.GetValues<SocketStage>()) record.Options.Restore(fd, SocketScope.Netlink, stage);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static byte[] Address(uint port, uint groups)
    {
        byte[] address = new byte[12];
        address[0] = Linux.Sockets.AF_NETLINK;
        BinaryPrimitives.WriteUInt32LittleEndian(address.AsSpan(4), port);
        BinaryPrimitives.WriteUInt32LittleEndian(address.AsSpan(8), groups);
        return address;
    }
}
