namespace ContainerGrains.Engine.Tests.SocketRooms;

public sealed class OtherSocketTests
{
    [Theory]
    [InlineData(Linux.Sockets.AF_PACKET, Linux.Sockets.SOCK_RAW, 0, "packet sockets")]
    [InlineData(Linux.Sockets.AF_INET, Linux.Sockets.SOCK_RAW, Linux.Sockets.IPPROTO_ICMP, "raw sockets")]
    [InlineData(Linux.Sockets.AF_INET6, Linux.Sockets.SOCK_RAW, Linux.Sockets.IPPROTO_UDP, "raw sockets")]
    public void What_no_room_carries_is_refused_by_name(int domain, int type, int protocol, string words)
    {
        using var network = new TestNetwork();
        FileDescriptor socket = network.Run(() => Linux.Sockets.Create(domain, type, protocol));
        var dump = new TestDump(initPid: network.ThreadId);
        OpenFile file = dump.Add(socket);

        FileResource room = ResourceCatalog.Files.First(r => r.Owns(file));

        Assert.IsType<OtherSocket>(room);
        Assert.Contains(words, room.Refuses(file, dump.Context)?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_multipath_listener_is_carried_and_accepts_a_plain_client()
    {
        using var a = new TestNetwork();
        using var b = new TestNetwork();
        FileDescriptor listener = a.Run(() => Linux.Sockets.Create(Linux.Sockets.AF_INET, Linux.Sockets.SOCK_STREAM, Linux.Sockets.IPPROTO_MPTCP));
        Linux.Sockets.SetInt(listener.Number, 1, 2, 1, "SO_REUSEADDR");
        Linux.Sockets.Bind(listener.Number, Wire.Address("127.0.0.1", 4445));
        Linux.Sockets.Listen(listener.Number, 9);
        var dump = new TestDump(initPid: a.ThreadId);
        var restore = new TestRestore(dump, initPid: b.ThreadId);

        FileDescriptor moved = restore.Survive(new TcpListener(), dump.Add(listener));

        Assert.Equal(9, TcpInfo.Of(moved.Number).MaxBacklog);
        using FileDescriptor client = b.Run(() => Wire.Connect("127.0.0.1", 4445)), accepted = Linux.Sockets.Accept(moved.Number);
        Assert.Equal(Linux.Sockets.IPPROTO_TCP, Linux.Sockets.GetInt(accepted.Number, 1, 38, "SO_PROTOCOL"));
        Assert.True(new TcpConnection().Owns(dump.Add(accepted)));
    }
}
