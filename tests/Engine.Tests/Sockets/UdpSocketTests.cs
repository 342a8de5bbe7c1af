using System.Text;

namespace ContainerGrains.Engine.Tests.SocketRooms;

public sealed class UdpSocketTests : IDisposable
{
    private const string Here = "10.77.0.1", Here6 = "fd77::1";
    private readonly TestNetwork _a = new(), _b = new();
    private readonly TestDump _dump;
    private readonly TestRestore _restore;

    public UdpSocketTests()
    {
        foreach (TestNetwork host in (ReadOnlySpan<TestNetwork>)[_a, _b])
        {
            host.Ip("link add eth0 type veth peer name other");
            host.Ip("link set eth0 up");
            host.Ip("link set other up");
            host.Address("eth0", Here, Here6);
        }
        _dump = new TestDump(initPid: _a.ThreadId);
        _restore = new TestRestore(_dump, initPid: _b.ThreadId);
    }

    public void Dispose()
    {
        _a.Dispose();
        _b.Dispose();
    }

    private static FileDescriptor Create(TestNetwork network, string address) =>
        network.Run(() => Linux.Sockets.Create(address.Contains(':', StringComparison.Ordinal) ? Linux.Sockets.AF_INET6 : Linux.Sockets.AF_INET, Linux.Sockets.SOCK_DGRAM, Linux.Sockets.IPPROTO_UDP));

    private static FileDescriptor Bound(TestNetwork network, string address, int port = 0)
    {
        FileDescriptor socket = Create(network, address);
        Linux.Sockets.Bind(socket.Number, Wire.Address(address, port));
        return socket;
    }

    private FileDescriptor Move(FileDescriptor socket)
    {
        OpenFile file = _dump.Add(socket);
        FileDescriptor moved = _restore.Survive(new UdpSocket(), file);
        socket.Dispose();
        file.Fd.Dispose();
        _restore.Finish();
        return moved;
    }

    private static (string Text, byte[] From) Receive(FileDescriptor socket)
    {
        byte[] buffer = new byte[70_000], name = new byte[28];
        Linux.Sockets.Received got = Linux.Sockets.TryReceiveMessage(socket.Number, buffer, name, [], Linux.Sockets.MSG_DONTWAIT);
        return (got.Length < 0 ? Errno.Name((int)-got.Length) : Encoding.Latin1.GetString(buffer, 0, (int)got.Length), name[..got.NameLength]);
    }

    [Theory]
    [InlineData(Here, Here)]
    [InlineData(Here6, Here6)]
    [InlineData("0.0.0.0", Here)]
    [InlineData("::", Here6)]
    [InlineData("::", "::ffff:10.77.0.1")]
    public void Unread_datagrams_keep_order_boundaries_and_senders(string bound, string to)
    {
        FileDescriptor receiver = Bound(_a, bound);
        int port = Wire.Port(receiver);
        string from = to.StartsWith("::ffff", StringComparison.Ordinal) ? Here : to;
        using FileDescriptor one = Bound(_a, from), two = Bound(_a, from);
        byte[] target = Wire.Address(to.Replace("::ffff:", "", StringComparison.Ordinal), port);
        string large = new('x', 60_000);
        Assert.Equal(5, Linux.Sockets.TrySendMessage(one.Number, "first"u8, target, [], 0));
        Assert.Equal(0, Linux.Sockets.TrySendMessage(two.Number, ""u8, target, [], 0));
        Assert.Equal(large.Length, Linux.Sockets.TrySendMessage(two.Number, Encoding.Latin1.GetBytes(large), target, [], 0));

        FileDescriptor moved = Move(receiver);

        Assert.Equal(port, Wire.Port(moved));
        byte[] sender = to.StartsWith("::ffff", StringComparison.Ordinal) ? Wire.Address(to, Wire.Port(one)) : Linux.Sockets.Name(one.Number);
        (string text, byte[] name) = Receive(moved);
        Assert.Equal("first", text);
        Assert.Equal(sender.AsSpan(2, 2), name.AsSpan(2, 2));
        Assert.Equal(SocketAddressText.Ip(sender), SocketAddressText.Ip(name));
        Assert.Equal("", Receive(moved).Text);
        Assert.Equal(large, Receive(moved).Text);
        Assert.Equal("EAGAIN", Receive(moved).Text);
    }

    [Fact]
    public void The_original_keeps_everything_when_the_move_fails()
    {
        FileDescriptor receiver = Bound(_a, Here);
        Linux.Sockets.SetInt(receiver.Number, 1, 42, 0, "SO_PEEK_OFF");
        using FileDescriptor sender = Bound(_a, Here);
        Linux.Sockets.TrySendMessage(sender.Number, "one"u8, Linux.Sockets.Name(receiver.Number), [], 0);
        Linux.Sockets.TrySendMessage(sender.Number, "two"u8, Linux.Sockets.Name(receiver.Number), [], 0);

        new UdpSocket().Dump(_dump.Add(receiver), _dump.Context);
        _dump.Context.Thaw();

        Assert.Equal(0, Linux.Sockets.GetInt(receiver.Number, 0, 8, "IP_PKTINFO"));
        Assert.Equal(0, Linux.Sockets.GetInt(receiver.Number, 1, 42, "SO_PEEK_OFF"));
        Assert.Equal("one", Receive(receiver).Text);
        Assert.Equal("two", Receive(receiver).Text);
    }

    [Fact]
    public void A_connected_socket_keeps_its_peer_and_hears_only_it()
    {
        FileDescriptor socket = Bound(_a, Here);
        int port = Wire.Port(socket);
        using FileDescriptor peer = Bound(_a, Here, 7001), stranger = Bound(_a, Here);
        Linux.Sockets.Connect(socket.Number, Wire.Address(Here, 7001));
        Linux.Sockets.TrySendMessage(peer.Number, "from my peer"u8, Wire.Address(Here, port), [], 0);

        FileDescriptor moved = Move(socket);

        Assert.Equal("from my peer", Receive(moved).Text);
        using FileDescriptor peerThere = Bound(_b, Here, 7001), strangerThere = Bound(_b, Here);
        Linux.Sockets.TrySendMessage(strangerThere.Number, "from a stranger"u8, Wire.Address(Here, port), [], 0);
        Assert.Equal("EAGAIN", Receive(moved).Text);
        Assert.Equal(4, Linux.Sockets.TrySend(moved.Number, "back"u8, 0));
        Assert.Equal("back", Receive(peerThere).Text);
    }

    [Fact]
    public void Options_and_a_filter_survive()
    {
        FileDescriptor socket = Bound(_a, Here);
        (int Level, int Option, int Value)[] options =
        [
            (1, 6, 1), (1, 40, 1), (1, 42, 0), (1, 29, 1), (0, 8, 1), (0, 12, 1), (0, 13, 1), (0, 33, 7), (0, 34, 0), (0, 49, 0), (0, 11, 1), (0, 10, 2), (17, 104, 1), (17, 103, 1000), (1, 46, 50),
        ];
        foreach (var (level, option, value) in options) Linux.Sockets.SetInt(socket.Number, level, option, value, $"{level}/{option}");
        // ret #65535: a filter that lets everything pass.
        byte[] filter = [6, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        Linux.Sockets.AttachFilter(socket.Number, filter);
        byte[] timeout = new byte[16];
        timeout[0] = 5;
        Linux.Sockets.Set(socket.Number, 1, 20, timeout, "SO_RCVTIMEO");

        FileDescriptor moved = Move(socket);

        foreach (var (level, option, value) in options) Assert.Equal((level, option, value), (level, option, Linux.Sockets.GetInt(moved.Number, level, option, "")));
        byte[] movedFilter = new byte[8], movedTimeout = new byte[16];
        Assert.Equal(1, Linux.Sockets.TryGetCounted(moved.Number, 1, 26, movedFilter, 1));
        Assert.Equal(filter, movedFilter);
        Linux.Sockets.TryGet(moved.Number, 1, 20, movedTimeout);
        Assert.Equal(timeout, movedTimeout);
    }

    [Theory]
    [InlineData("239.1.2.3", Here)]
    [InlineData("ff15::77", Here6)]
    public void Multicast_groups_survive_with_their_source_filters(string group, string source)
    {
        FileDescriptor socket = Bound(_a, group.Contains(':', StringComparison.Ordinal) ? "::" : "0.0.0.0", 7002);
        int level = group.Contains(':', StringComparison.Ordinal) ? 41 : 0;
        int index = _a.Run(() => Linux.Net.NetworkInterfaces.Index("eth0"));
        Linux.Net.MulticastFilter.Join(socket.Number, level, index, Wire.Address(group, 0), include: true, [Wire.Address(source, 0)]);
        string other = group.Replace('7', '8').Replace(".3", ".4", StringComparison.Ordinal);
        Linux.Net.MulticastFilter.Join(socket.Number, level, index, Wire.Address(other, 0), include: false, []);

        FileDescriptor moved = Move(socket);

        int there = _b.Run(() => Linux.Net.NetworkInterfaces.Index("eth0"));
        var filter = Linux.Net.MulticastFilter.Of(moved.Number, level, there, Wire.Address(group, 0));
        Assert.True(filter?.Include);
        Assert.Equal(SocketAddressText.Ip(Wire.Address(source, 0)), SocketAddressText.Ip(Assert.Single(filter!.Value.Sources)));
        Assert.Equal((false, 0), (Linux.Net.MulticastFilter.Of(moved.Number, level, there, Wire.Address(other, 0)) is { } all ? (all.Include, all.Sources.Length) : (true, -1)));
    }

    [Fact]
    public void A_socket_that_is_not_bound_survives()
    {
        FileDescriptor moved = Move(Create(_a, Here));

        Assert.Equal(0, Wire.Port(moved));
        using FileDescriptor receiver = Bound(_b, Here);
        Assert.Equal(1, Linux.Sockets.TrySendMessage(moved.Number, "x"u8, Linux.Sockets.Name(receiver.Number), [], 0));
        Assert.Equal("x", Receive(receiver).Text);
    }
}
