using System.Buffers.Binary;

namespace ContainerGrains.Engine.Tests.SocketRooms;

public sealed class NetlinkSocketTests
{
    private const int NETLINK_ROUTE = 0, NETLINK_ADD_MEMBERSHIP = 1, RTNLGRP_LINK = 1;

    [Fact]
    public void A_bound_socket_keeps_its_port_groups_and_options_and_hears_events()
    {
        using var a = new TestNetwork();
        using var b = new TestNetwork();
        FileDescriptor socket = a.Run(() => Linux.Sockets.Create(Linux.Sockets.AF_NETLINK, Linux.Sockets.SOCK_RAW, NETLINK_ROUTE));
        byte[] address = new byte[12];
        address[0] = 16;
        BinaryPrimitives.WriteUInt32LittleEndian(address.AsSpan(4), 4242);
        Linux.Sockets.Bind(socket.Number, address);
        Linux.Sockets.SetInt(socket.Number, 270, NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK, "");
        Linux.Sockets.SetInt(socket.Number, 270, NETLINK_ADD_MEMBERSHIP, 35, "");
        Linux.Sockets.SetInt(socket.Number, 270, 12, 1, "NETLINK_GET_STRICT_CHK");
        var dump = new TestDump(initPid: a.ThreadId);
        var restore = new TestRestore(dump, initPid: b.ThreadId);

        FileDescriptor moved = restore.Survive(new NetlinkSocket(), dump.Add(socket));

        Assert.Equal(Linux.Sockets.Name(socket.Number), Linux.Sockets.Name(moved.Number));
        byte[] groups = new byte[64];
        Linux.Sockets.TryGet(moved.Number, 270, 9, groups);
        Assert.Equal((1 << 0, 1 << 2), (groups[0] & 1, groups[4]));
        Assert.Equal(1, Linux.Sockets.GetInt(moved.Number, 270, 12, "NETLINK_GET_STRICT_CHK"));
        b.Ip("link add br1 type bridge");
        Wire.Wait(moved, Linux.Sockets.POLLIN);
    }

    [Fact]
    public void Unread_answers_are_waited_for()
    {
        using var a = new TestNetwork();
        FileDescriptor socket = a.Run(() => Linux.Sockets.Create(Linux.Sockets.AF_NETLINK, Linux.Sockets.SOCK_RAW, NETLINK_ROUTE));
        Linux.Sockets.Bind(socket.Number, [16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        Linux.Sockets.SetInt(socket.Number, 270, NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK, "");
        a.Ip("link add br1 type bridge");
        Wire.Wait(socket, Linux.Sockets.POLLIN);
        var dump = new TestDump(initPid: a.ThreadId);
        OpenFile file = dump.Add(socket);

        Assert.Contains("wait in it", new NetlinkSocket().Delays(file, dump.Context)?.Reason, StringComparison.Ordinal);
    }
}
