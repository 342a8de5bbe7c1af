using System.Text;

namespace ContainerGrains.Engine.Tests.SocketRooms;

public sealed class UnixSocketTests : IDisposable
{
    private const int Unix = Linux.Sockets.AF_UNIX, Stream = Linux.Sockets.SOCK_STREAM, Datagram = Linux.Sockets.SOCK_DGRAM, SeqPacket = Linux.Sockets.SOCK_SEQPACKET;
    private readonly TestNetwork _a = new(), _b = new();
    private readonly TemporaryDirectory _directory = new();
    private readonly List<FileDescriptor> _originals = [];
    private readonly TestDump _dump;
    private readonly TestRestore _restore;

    public UnixSocketTests()
    {
        _dump = new TestDump(_directory.Path, _a.ThreadId);
        _restore = new TestRestore(_dump, initPid: _b.ThreadId);
    }

    public void Dispose()
    {
        Assert.Empty(System.IO.Directory.GetDirectories(_directory.Path, ".unix-*"));
        _directory.Dispose();
        _a.Dispose();
        _b.Dispose();
    }

    private static byte[] Path(string path) => [1, 0, .. Encoding.UTF8.GetBytes(path), 0];
    private static byte[] Abstract(string name) => [1, 0, 0, .. Encoding.UTF8.GetBytes(name)];

    private FileDescriptor Create(int type) => Kept(_a.Run(() => Linux.Sockets.Create(Unix, type, 0)));

    private FileDescriptor Kept(FileDescriptor socket)
    {
        _originals.Add(socket);
        return socket;
    }

    private (FileDescriptor, FileDescriptor) Pair(int type)
    {
        (FileDescriptor one, FileDescriptor two) = _a.Run(() => Linux.Sockets.Pair(Unix, type, 0));
        return (Kept(one), Kept(two));
    }

    private FileDescriptor Listen(int type, byte[] name)
    {
        FileDescriptor listener = Create(type);
        Linux.Sockets.Bind(listener.Number, name);
        Linux.Sockets.Listen(listener.Number, 5);
        return listener;
    }

    private (FileDescriptor Client, FileDescriptor Accepted) Connect(FileDescriptor listener, int type, byte[] name)
    {
        FileDescriptor client = Create(type);
        Linux.Sockets.Connect(client.Number, name);
        return (client, Kept(Linux.Sockets.Accept(listener.Number)));
    }

    private static void Send(FileDescriptor socket, string text) => Assert.Equal(text.Length, Linux.Sockets.TrySend(socket.Number, Encoding.UTF8.GetBytes(text), 0));

    private static string Receive(FileDescriptor socket) => Receive(socket, out _);

    private static string Receive(FileDescriptor socket, out byte[] from)
    {
        byte[] buffer = new byte[100_000], name = new byte[110];
        Linux.Sockets.Received got = Linux.Sockets.TryReceiveMessage(socket.Number, buffer, name, [], Linux.Sockets.MSG_DONTWAIT);
        from = name[..got.NameLength];
        return got.Length < 0 ? Errno.Name((int)-got.Length) : Encoding.UTF8.GetString(buffer, 0, (int)got.Length);
    }

    private static int Credentials(FileDescriptor socket, int word)
    {
        byte[] ucred = new byte[12];
        Linux.Sockets.TryGet(socket.Number, 1, 17, ucred);
        return BitConverter.ToInt32(ucred, word * 4);
    }

    /// <summary>Dumps all, closes the originals, restores the listeners first.</summary>
    private FileDescriptor[] Move(params FileDescriptor[] sockets)
    {
        OpenFile[] files = [.. sockets.Select(_dump.Add)];
        FileResource<UnixRecord>[] rooms = [.. files.Select(f => new UnixListener() is var listener && listener.Owns(f) ? (FileResource<UnixRecord>)listener : new UnixSocket())];
        var restores = files.Select((f, i) => (File: f, Room: rooms[i], Restore: _restore.Prepare(rooms[i], f))).ToArray();
        foreach (FileDescriptor original in _originals) original.Dispose();
        foreach (OpenFile file in files) file.Fd.Dispose();
        Dictionary<OpenFile, FileDescriptor> moved = restores.OrderBy(r => r.Room.RestoreOrder).ToDictionary(r => r.File, r => r.Restore());
        _restore.Finish();
        return [.. files.Select(f => moved[f])];
    }

    [Theory]
    [InlineData(Stream)]
    [InlineData(SeqPacket)]
    [InlineData(Datagram)]
    public void A_pair_keeps_what_is_unread_and_its_message_boundaries(int type)
    {
        var (one, two) = Pair(type);
        Send(one, "first");
        Send(one, "second");
        Send(two, "back");

        FileDescriptor[] moved = Move(one, two);

        if (type == Stream)
        {
            Assert.Equal("firstsecond", Receive(moved[1]));
        }
        else
        {
            Assert.Equal("first", Receive(moved[1]));
            Assert.Equal("second", Receive(moved[1]));
        }
        Assert.Equal("back", Receive(moved[0]));
        Assert.Equal("EAGAIN", Receive(moved[0]));
        Send(moved[0], "live");
        Assert.Equal("live", Receive(moved[1]));
        moved[0].Dispose();
        if (type != Datagram) Assert.Equal("", Receive(moved[1]));
    }

    [Fact]
    public void The_original_keeps_everything_when_the_move_fails()
    {
        var (one, two) = Pair(SeqPacket);
        Linux.Sockets.SetInt(two.Number, 1, 42, 0, "SO_PEEK_OFF");
        Send(one, "first");
        Send(one, "second");
        OpenFile[] files = [_dump.Add(one), _dump.Add(two)];

        new UnixSocket().Dump(files[0], _dump.Context);
        new UnixSocket().Dump(files[1], _dump.Context);
        _dump.Context.Thaw();

        Assert.Equal(0, Linux.Sockets.GetInt(two.Number, 1, 42, "SO_PEEK_OFF"));
        Assert.Equal("first", Receive(two));
        Assert.Equal("second", Receive(two));
    }

    [Fact]
    public void A_large_queue_survives()
    {
        var (one, two) = Pair(Stream);
        Linux.Sockets.SetInt(one.Number, 1, 32, 4_000_000, "SO_SNDBUFFORCE");
        byte[] data = Wire.Pattern(3_000_000, 5);
        Wire.Send(one, data);

        FileDescriptor[] moved = Move(one, two);

        Assert.Equal(data, Wire.Receive(moved[1], data.Length));
        Assert.Equal(8_000_000, Linux.Sockets.GetInt(moved[0].Number, 1, 7, "SO_SNDBUF"));
    }

    [Theory]
    [InlineData(Stream, false)]
    [InlineData(Stream, true)]
    [InlineData(SeqPacket, true)]
    public void Client_and_accepted_end_keep_their_names_and_the_listener_accepts_others(int type, bool byPath)
    {
        string path = $"{_directory.Path}/service";
        byte[] name = byPath ? Path(path) : Abstract("service");
        FileDescriptor listener = Listen(type, name);
        if (byPath) Linux.Net.UnixFiles.SetOwnerAndMode(path, 7, 8, 0x190);
        var (client, accepted) = Connect(listener, type, name);
        Send(client, "question");
        Send(accepted, "answer");

        // The client comes first: its other end is made with it.
        FileDescriptor[] moved = Move(client, accepted, listener);

        Assert.Equal("question", Receive(moved[1]));
        Assert.Equal("answer", Receive(moved[0]));
        Assert.Equal(name, Linux.Sockets.Name(moved[1].Number));
        Assert.Equal(name, Linux.Sockets.PeerName(moved[0].Number));
        Assert.Equal(2, Linux.Sockets.Name(moved[0].Number).Length);
        using FileDescriptor second = _b.Run(() => Linux.Sockets.Create(Unix, type, 0));
        Linux.Sockets.Connect(second.Number, name);
        using FileDescriptor acceptedSecond = Linux.Sockets.Accept(moved[2].Number);
        Send(second, "new");
        Assert.Equal("new", Receive(acceptedSecond));
        if (byPath)
        {
            FileStat file = Linux.Files.TryStat(path)!.Value;
            Assert.Equal((7u, 8u, 0x190u), (file.st_uid, file.st_gid, file.st_mode & 0xFFF));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_connection_whose_listener_is_gone_keeps_its_name_and_leaves_the_path_alone(bool byPath)
    {
        string path = $"{_directory.Path}/gone";
        byte[] name = byPath ? Path(path) : Abstract("gone");
        FileDescriptor listener = Listen(Stream, name);
        var (client, accepted) = Connect(listener, Stream, name);
        listener.Dispose();
        if (byPath)
        {
            File.Delete(path);
            File.WriteAllText(path, "somebody else's");
        }
        Send(client, "question");

        FileDescriptor[] moved = Move(accepted, client);

        Assert.Equal("question", Receive(moved[0]));
        Assert.Equal(name, Linux.Sockets.Name(moved[0].Number));
        if (byPath) Assert.Equal("somebody else's", File.ReadAllText(path));
        // The name is free for a new service, as it was.
        if (!byPath) Linux.Sockets.Bind(_b.Run(() => Linux.Sockets.Create(Unix, Stream, 0)).Number, name);
    }

    [Fact]
    public void A_client_that_waits_to_be_accepted_goes_on_waiting()
    {
        byte[] name = Abstract("busy");
        FileDescriptor listener = Listen(Stream, name), first = Create(Stream), second = Create(Stream);
        Linux.Sockets.Connect(first.Number, name);
        Linux.Sockets.Bind(second.Number, Abstract("second"));
        Linux.Sockets.Connect(second.Number, name);

        FileDescriptor[] moved = Move(second, first, listener);

        using FileDescriptor one = Linux.Sockets.Accept(moved[2].Number), two = Linux.Sockets.Accept(moved[2].Number);
        Assert.Equal(Abstract("second"), Linux.Sockets.PeerName(two.Number));
        Send(moved[1], "I am the first");
        Assert.Equal("I am the first", Receive(one));
    }

    [Fact]
    public void A_client_that_waits_with_data_sent_is_waited_for()
    {
        byte[] name = Abstract("busy");
        FileDescriptor listener = Listen(Stream, name), client = Create(Stream);
        Linux.Sockets.Connect(client.Number, name);
        Send(client, "early");
        OpenFile file = _dump.Add(listener);
        _dump.Add(client);

        Assert.Contains("waits to be accepted has data", new UnixListener().Delays(file, _dump.Context)?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Datagram_sockets_keep_names_peers_and_senders()
    {
        byte[] server = Path($"{_directory.Path}/log"), client = Abstract("client");
        FileDescriptor receiver = Create(Datagram), named = Create(Datagram), unnamed = Create(Datagram);
        Linux.Sockets.Bind(receiver.Number, server);
        Linux.Sockets.Bind(named.Number, client);
        Linux.Sockets.Connect(unnamed.Number, server);
        Assert.Equal(3, Linux.Sockets.TrySendMessage(named.Number, "one"u8, server, [], 0));
        Send(unnamed, "two");
        Assert.Equal(5, Linux.Sockets.TrySendMessage(receiver.Number, "three"u8, client, [], 0));

        FileDescriptor[] moved = Move(receiver, named, unnamed);

        Assert.Equal("one", Receive(moved[0], out byte[] from));
        Assert.Equal(client, from);
        Assert.Equal("two", Receive(moved[0], out from));
        Assert.Empty(from);
        Assert.Equal("three", Receive(moved[1], out from));
        Assert.Equal(server, from);
        Assert.Equal(server, Linux.Sockets.PeerName(moved[2].Number));
        Send(moved[2], "four");
        Assert.Equal("four", Receive(moved[0]));
    }

    [Fact]
    public void A_datagram_socket_whose_file_was_removed_still_receives_from_its_peer()
    {
        string path = $"{_directory.Path}/log";
        FileDescriptor receiver = Create(Datagram), sender = Create(Datagram);
        Linux.Sockets.Bind(receiver.Number, Path(path));
        Linux.Sockets.Connect(sender.Number, Path(path));
        File.Delete(path);
        Send(sender, "before");

        FileDescriptor[] moved = Move(sender, receiver);

        Send(moved[0], "after");
        Assert.Equal("before", Receive(moved[1]));
        Assert.Equal("after", Receive(moved[1]));
        Assert.False(File.Exists(path));
        Assert.Equal(Path(path), Linux.Sockets.Name(moved[1].Number));
    }

    [Theory]
    [InlineData(Stream)]
    [InlineData(SeqPacket)]
    public void An_end_whose_other_is_closed_keeps_its_data_and_sees_the_end(int type)
    {
        var (one, two) = Pair(type);
        Send(one, "testament");
        one.Dispose();

        FileDescriptor moved = Move(two)[0];

        Assert.Equal("testament", Receive(moved));
        Assert.Equal("", Receive(moved));
        Assert.Equal(-Errno.EPIPE, Linux.Sockets.TrySend(moved.Number, "x"u8, 0));
    }

    [Fact]
    public void An_accepted_end_whose_client_is_closed_leaves_its_listener_alone()
    {
        byte[] name = Path($"{_directory.Path}/service");
        FileDescriptor listener = Listen(Stream, name);
        var (client, accepted) = Connect(listener, Stream, name);
        Send(client, "bye");
        client.Dispose();

        FileDescriptor[] moved = Move(accepted, listener);

        Assert.Equal("bye", Receive(moved[0]));
        Assert.Equal("", Receive(moved[0]));
        Assert.Equal(name, Linux.Sockets.Name(moved[0].Number));
        using FileDescriptor second = _b.Run(() => Linux.Sockets.Create(Unix, Stream, 0));
        Linux.Sockets.Connect(second.Number, name);
        Linux.Sockets.Accept(moved[1].Number).Dispose();
    }

    [Fact]
    public void A_reset_that_the_program_has_not_seen_is_seen()
    {
        var (one, two) = Pair(Stream);
        Send(two, "never read");
        one.Dispose();

        FileDescriptor moved = Move(two)[0];

        Assert.Equal("ECONNRESET", Receive(moved));
    }

    [Fact]
    public void A_half_that_was_shut_down_stays_so()
    {
        var (one, two) = Pair(Stream);
        Send(one, "last");
        Linux.Sockets.Shutdown(one.Number, Linux.Sockets.SHUT_WR);

        FileDescriptor[] moved = Move(one, two);

        Assert.Equal("last", Receive(moved[1]));
        Assert.Equal("", Receive(moved[1]));
        Assert.Equal(-Errno.EPIPE, Linux.Sockets.TrySend(moved[0].Number, "x"u8, 0));
        Send(moved[1], "still this way");
        Assert.Equal("still this way", Receive(moved[0]));
    }

    [Fact]
    public void Credentials_of_peers_and_of_messages_survive()
    {
        byte[] name = Abstract("who");
        FileDescriptor listener = Listen(Stream, name);
        Linux.Sockets.SetInt(listener.Number, 1, 16, 1, "SO_PASSCRED");
        FileDescriptor client = Create(Stream);
        using (new EffectiveUser(1234, 4321)) Linux.Sockets.Connect(client.Number, name);
        FileDescriptor accepted = Kept(Linux.Sockets.Accept(listener.Number));
        Linux.Sockets.SetInt(accepted.Number, 1, 16, 1, "SO_PASSCRED");
        using (new EffectiveUser(1234, 4321)) Send(client, "it is me");

        FileDescriptor[] moved = Move(client, accepted, listener);

        Assert.Equal((1234, 4321), (Credentials(moved[1], 1), Credentials(moved[1], 2)));
        Assert.Equal((0, 0), (Credentials(moved[0], 1), Credentials(moved[0], 2)));
        byte[] buffer = new byte[100], control = new byte[32];
        Linux.Sockets.Received got = Linux.Sockets.TryReceiveMessage(moved[1].Number, buffer, [], control, 0);
        Assert.Equal("it is me", Encoding.UTF8.GetString(buffer, 0, (int)got.Length));
        // It sent with its real ids.
        Assert.Equal((0, 0), (BitConverter.ToInt32(control, 20), BitConverter.ToInt32(control, 24)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_other_end_is_told_of_the_process_that_called_under_its_pid_of_now(bool byPath)
    {
        using var caller = new PuppetTask();
        // This process made all of them; the puppet is that process after the move.
        _restore.Context.Tasks.Add(caller.AsRestored(Environment.ProcessId));
        byte[] name = byPath ? Path($"{_directory.Path}/who") : Abstract("who");
        FileDescriptor listener = Listen(Stream, name);
        var (client, accepted) = Connect(listener, Stream, name);
        var (one, two) = Pair(SeqPacket);
        Linux.Sockets.SetInt(two.Number, 1, 16, 1, "SO_PASSCRED");
        Send(one, "hello");

        FileDescriptor[] moved = Move(client, accepted, one, two, listener);

        Assert.All(moved, s => Assert.Equal(caller.Pid, Credentials(s, 0)));
        byte[] buffer = new byte[100], control = new byte[32];
        Linux.Sockets.TryReceiveMessage(moved[3].Number, buffer, [], control, 0);
        Assert.Equal(caller.Pid, BitConverter.ToInt32(control, 16));
    }

    [Fact]
    public void Descriptors_in_a_queue_are_waited_for()
    {
        var (one, two) = Pair(Stream);
        byte[] rights = [20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        BitConverter.TryWriteBytes(rights.AsSpan(16), one.Number);
        Assert.Equal(1, Linux.Sockets.TrySendMessage(one.Number, "x"u8, [], rights, 0));
        _dump.Add(one);
        OpenFile file = _dump.Add(two);

        Assert.Contains("SCM_RIGHTS", new UnixSocket().Delays(file, _dump.Context)?.Reason, StringComparison.Ordinal);

        Assert.Equal(1, Linux.Sockets.TryReceive(two.Number, new byte[1], 0));
        Assert.Null(new UnixSocket().Delays(file, _dump.Context));
    }

    [Fact]
    public void A_peer_outside_of_the_container_is_refused_before_anything_is_frozen()
    {
        var (one, _) = Pair(Stream);

        (string Reason, string Remedy)? refusal = new UnixSocket().Refuses(_dump.Add(one), _dump.Context);

        Assert.Contains("not in the container", refusal?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_socket_of_another_network_namespace_is_refused()
    {
        FileDescriptor foreign = Kept(_b.Run(() => Linux.Sockets.Create(Unix, Stream, 0)));

        (string Reason, string Remedy)? refusal = new UnixSocket().Refuses(_dump.Add(foreign), _dump.Context);

        Assert.Contains("network namespace", refusal?.Reason, StringComparison.Ordinal);
    }
}
