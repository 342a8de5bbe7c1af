namespace ContainerGrains.Engine.Tests.SocketRooms;

public sealed class TcpListenerTests
{
    [Fact]
    public void A_listening_socket_keeps_its_options_and_backlog()
    {
        using var a = new TestNetwork();
        using var b = new TestNetwork();
        FileDescriptor listener = a.Run(() => Wire.Listen("127.0.0.1", 4444, backlog: 7));
        (int Level, int Option, int Value)[] options = [(1, 2, 1), (6, 9, 7), (6, 23, 5), (6, 2, 1000), (6, 27, 1), (6, 18, 999), (1, 15, 1)];
        foreach (var (level, option, value) in options) Linux.Sockets.SetInt(listener.Number, level, option, value, $"{level}/{option}");
        byte[] key = Wire.Pattern(16, 3);
        Linux.Sockets.Set(listener.Number, 6, 33, key, "TCP_FASTOPEN_KEY");
        Linux.Sockets.SetOwner(listener.Number, 1000, 1000);
        var dump = new TestDump(initPid: a.ThreadId);
        var restore = new TestRestore(dump, initPid: b.ThreadId);

        FileDescriptor moved = restore.Survive(new TcpListener(), dump.Add(listener));

        foreach (var (level, option, value) in options) Assert.Equal((level, option, value), (level, option, Linux.Sockets.GetInt(moved.Number, level, option, "")));
        Assert.Equal((TcpState.Listen, 7), (TcpInfo.Of(moved.Number).State, TcpInfo.Of(moved.Number).MaxBacklog));
        byte[] movedKey = new byte[16];
        Linux.Sockets.TryGet(moved.Number, 6, 33, movedKey);
        Assert.Equal(key, movedKey);
        Assert.Equal(1000u, Linux.Files.Stat(moved.Number).st_uid);
        using FileDescriptor client = b.Run(() => Wire.Connect("127.0.0.1", 4444));
        Wire.Send(client, "x"u8);
        Wire.Wait(moved, Linux.Sockets.POLLIN);
    }

    [Fact]
    public void A_listener_for_both_families_and_a_bound_socket_survive()
    {
        using var a = new TestNetwork();
        using var b = new TestNetwork();
        FileDescriptor both = a.Run(() =>
        {
            FileDescriptor s = Wire.Tcp("::");
            Linux.Sockets.SetInt(s.Number, 41, 26, 0, "IPV6_V6ONLY");
            Linux.Sockets.Bind(s.Number, Wire.Address("::", 5555));
            Linux.Sockets.Listen(s.Number, 1);
            return s;
        });
        FileDescriptor bound = a.Run(() => Wire.Tcp("127.0.0.1"));
        Linux.Sockets.Bind(bound.Number, Wire.Address("127.0.0.1", 6666));
        FileDescriptor fresh = a.Run(() => Wire.Tcp("127.0.0.1"));
        var dump = new TestDump(initPid: a.ThreadId);
        var restore = new TestRestore(dump, initPid: b.ThreadId);

        FileDescriptor movedBoth = restore.Survive(new TcpListener(), dump.Add(both));
        FileDescriptor movedBound = restore.Survive(new TcpListener(), dump.Add(bound));
        FileDescriptor movedFresh = restore.Survive(new TcpListener(), dump.Add(fresh));

        Assert.Equal(6666, Wire.Port(movedBound));
        Assert.Equal(0, Wire.Port(movedFresh));
        using FileDescriptor four = b.Run(() => Wire.Connect("127.0.0.1", 5555));
        using FileDescriptor accepted = Linux.Sockets.Accept(movedBoth.Number);
        Linux.Sockets.Listen(movedBound.Number, 1);
        Linux.Sockets.Connect(movedFresh.Number, Wire.Address("127.0.0.1", 6666));
    }

    [Fact]
    public void Connections_that_wait_to_be_accepted_are_waited_for()
    {
        using var a = new TestNetwork();
        FileDescriptor listener = a.Run(() => Wire.Listen("127.0.0.1"));
        using FileDescriptor client = a.Run(() => Wire.Connect("127.0.0.1", Wire.Port(listener)));
        Wire.Wait(listener, Linux.Sockets.POLLIN);
        var dump = new TestDump(initPid: a.ThreadId);
        OpenFile file = dump.Add(listener);

        Assert.Contains("1 connection(s) to 127.0.0.1", new TcpListener().Delays(file, dump.Context)?.Reason, StringComparison.Ordinal);

        Linux.Sockets.Accept(listener.Number).Dispose();
        Assert.Null(new TcpListener().Delays(file, dump.Context));
    }
}
