using static ContainerGrains.Engine.Tests.SocketRooms.MovedNetwork;

namespace ContainerGrains.Engine.Tests.SocketRooms;

public sealed class TcpConnectionTests
{
    /// <summary>A server's side and a client's side of one connection.</summary>
    private static (FileDescriptor Listener, FileDescriptor Accepted, FileDescriptor Client) Connect(MovedNetwork network, string address)
    {
        FileDescriptor listener = network.A.Run(() => Wire.Listen(address));
        FileDescriptor client = network.Client.Run(() => Wire.Connect(address, Wire.Port(listener)));
        return (listener, Linux.Sockets.Accept(listener.Number), client);
    }

    /// <summary>Dumps, closes the originals in repair mode, restores; the client is then plugged into B.</summary>
    private static FileDescriptor[] Move(MovedNetwork network, params FileDescriptor[] sockets)
    {
        network.Lock();
        OpenFile[] files = [.. sockets.Select(s => network.Dump.Add(s))];
        FileDescriptor[] moved = [.. files.Select(f => new TcpListener() is var room && room.Owns(f) ? network.Restore.Survive(room, f) : network.Restore.Survive(new TcpConnection(), f))];
        // As the source does after the commit: every descriptor is closed while the connection is in repair mode.
        foreach (FileDescriptor s in sockets) s.Dispose();
        foreach (OpenFile f in files) f.Fd.Dispose();
        network.Restore.Finish();
        network.UnlockB();
        network.Restore.Context.Thaw();
        return moved;
    }

    [Theory]
    [InlineData(Server)]
    [InlineData(Server6)]
    public void A_connection_goes_on_and_its_listener_accepts_others(string address)
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, address);
        Wire.Send(client, "ping"u8);
        Assert.Equal("ping"u8, Wire.Receive(accepted, 4));

        FileDescriptor[] moved = Move(network, listener, accepted);
        Wire.Send(client, "again"u8);
        Assert.Equal("again"u8, Wire.Receive(moved[1], 5));
        Wire.Send(moved[1], "answer"u8);
        Assert.Equal("answer"u8, Wire.Receive(client, 6));

        using FileDescriptor second = network.Client.Run(() => Wire.Connect(address, Wire.Port(moved[0])));
        using FileDescriptor acceptedSecond = Linux.Sockets.Accept(moved[0].Number);
        Wire.Send(second, "new"u8);
        Assert.Equal("new"u8, Wire.Receive(acceptedSecond, 3));
        moved[1].Dispose();
        Assert.True(Wire.AtEnd(client));
    }

    [Theory]
    [InlineData(Server)]
    [InlineData(Server6)]
    public async Task Bytes_of_both_queues_arrive_once_and_in_order(string address)
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, address);
        byte[] up = Wire.Pattern(300_000, 1), down = Wire.Pattern(2_000_000, 2);
        // Fills both directions until the kernel takes no more: unread, unacknowledged and unsent bytes.
        int upSent = Fill(client, up), downSent = Fill(accepted, down);
        Assert.True(downSent > 100_000);
        network.Lock();
        // What the client's kernel cannot get through now is retransmitted to B.
        FileDescriptor[] moved = Move(network, listener, accepted);

        Task<byte[]> downGot = Task.Run(() => Wire.Receive(client, down.Length), TestContext.Current.CancellationToken);
        Task rest = Task.Run(() => Wire.Send(moved[1], down.AsSpan(downSent)), TestContext.Current.CancellationToken);
        Task<byte[]> upGot = Task.Run(() => Wire.Receive(moved[1], up.Length), TestContext.Current.CancellationToken);
        Wire.Send(client, up.AsSpan(upSent));
        await rest;

        Assert.Equal(up, await upGot);
        Assert.Equal(down, await downGot);
    }

    private static int Fill(FileDescriptor socket, ReadOnlySpan<byte> data)
    {
        int done = 0;
        while (done < data.Length)
        {
            long sent = Linux.Sockets.TrySend(socket.Number, data[done..Math.Min(data.Length, done + 10_000)], Linux.Sockets.MSG_DONTWAIT);
            if (sent == -Errno.EAGAIN) break;
            done += (int)Result.Check(sent, "send");
        }
        return done;
    }

    [Fact]
    public void Bytes_that_were_on_the_wire_and_lost_are_sent_again()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        network.Lock();
        Wire.Send(accepted, "lost on the wire"u8);
        Wire.Send(client, "lost, too"u8);

        FileDescriptor[] moved = Move(network, listener, accepted);

        Assert.Equal("lost on the wire"u8, Wire.Receive(client, 16));
        Assert.Equal("lost, too"u8, Wire.Receive(moved[1], 9));
    }

    [Fact]
    public void A_failed_move_leaves_the_connection_as_it_was()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        Linux.Sockets.SetInt(accepted.Number, Linux.Sockets.SOL_SOCKET, 2, 1, "SO_REUSEADDR");
        Linux.Sockets.SetInt(accepted.Number, Linux.Sockets.SOL_SOCKET, 42, 3, "SO_PEEK_OFF");
        Wire.Send(client, "unread"u8);
        Wire.Wait(accepted, Linux.Sockets.POLLIN);
        network.Lock();
        Wire.Send(accepted, "unsent"u8);
        OpenFile file = network.Dump.Add(accepted);
        using FileDescriptor copy = network.Restore.Survive(new TcpConnection(), file);

        network.Dump.Context.Thaw();
        network.UnlockA();

        Assert.Equal(1, Linux.Sockets.GetInt(accepted.Number, Linux.Sockets.SOL_SOCKET, 2, "SO_REUSEADDR"));
        Assert.Equal(3, Linux.Sockets.GetInt(accepted.Number, Linux.Sockets.SOL_SOCKET, 42, "SO_PEEK_OFF"));
        Assert.Equal("unread"u8, Wire.Receive(accepted, 6));
        Assert.Equal("unsent"u8, Wire.Receive(client, 6));
        // The copy on the target never sent a thing, and goes without one.
        copy.Dispose();
        Wire.Send(client, "more"u8);
        Assert.Equal("more"u8, Wire.Receive(accepted, 4));
        listener.Dispose();
    }

    [Fact]
    public void A_peer_that_has_ended_its_side_stays_so_and_still_reads()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        Wire.Send(client, "last words"u8);
        Linux.Sockets.Shutdown(client.Number, Linux.Sockets.SHUT_WR);
        Wire.WaitFor(accepted, TcpState.CloseWait);

        FileDescriptor moved = Move(network, listener, accepted)[1];

        Assert.Equal(TcpState.CloseWait, Wire.State(moved));
        Assert.Equal("last words"u8, Wire.Receive(moved, 20));
        Assert.True(Wire.AtEnd(moved));
        Wire.Send(moved, "answer"u8);
        moved.Dispose();
        Assert.Equal("answer"u8, Wire.Receive(client, 20));
        Assert.True(Wire.AtEnd(client));
    }

    [Fact]
    public void A_side_that_we_have_ended_stays_so_and_still_receives()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        Wire.Send(accepted, "last words"u8);
        Linux.Sockets.Shutdown(accepted.Number, Linux.Sockets.SHUT_WR);
        Wire.WaitFor(accepted, TcpState.FinWait2);
        Wire.Send(client, "one"u8);
        Wire.Wait(accepted, Linux.Sockets.POLLIN);

        FileDescriptor moved = Move(network, listener, accepted)[1];

        Assert.Equal(TcpState.FinWait2, Wire.State(moved));
        Assert.Equal(-Errno.EPIPE, Linux.Sockets.TrySend(moved.Number, "x"u8, 0));
        Wire.Send(client, "two"u8);
        Assert.Equal("onetwo"u8, Wire.Receive(moved, 6));
        Assert.Equal("last words"u8, Wire.Receive(client, 20));
        client.Dispose();
        Assert.True(Wire.AtEnd(moved));
    }

    [Fact]
    public void An_end_that_did_not_get_through_gets_through_later()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        network.Lock();
        Wire.Send(accepted, "last words"u8);
        Linux.Sockets.Shutdown(accepted.Number, Linux.Sockets.SHUT_WR);
        Assert.Equal(TcpState.FinWait1, Wire.State(accepted));

        FileDescriptor moved = Move(network, listener, accepted)[1];

        Assert.Equal("last words"u8, Wire.Receive(client, 20));
        Assert.True(Wire.AtEnd(client));
        client.Dispose();
        Assert.True(Wire.AtEnd(moved));
    }

    [Fact]
    public void Both_ends_at_once_and_the_last_acknowledgement_are_waited_for()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        Linux.Sockets.Shutdown(client.Number, Linux.Sockets.SHUT_WR);
        Wire.WaitFor(accepted, TcpState.CloseWait);
        network.Lock();
        Wire.Send(accepted, "bye"u8);
        Linux.Sockets.Shutdown(accepted.Number, Linux.Sockets.SHUT_WR);
        Assert.Equal(TcpState.LastAck, Wire.State(accepted));

        FileDescriptor moved = Move(network, listener, accepted)[1];

        Assert.Equal("bye"u8, Wire.Receive(client, 20));
        Assert.True(Wire.AtEnd(client));
        Wire.WaitFor(moved, TcpState.Close);
    }

    [Fact]
    public void Unread_bytes_of_an_ended_connection_survive()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        Linux.Sockets.Shutdown(accepted.Number, Linux.Sockets.SHUT_WR);
        Wire.Send(client, "the rest"u8);
        client.Dispose();
        Wire.WaitFor(accepted, TcpState.Close);

        FileDescriptor moved = Move(network, listener, accepted)[1];

        Assert.Equal("the rest"u8, Wire.Receive(moved, 20));
        Assert.True(Wire.AtEnd(moved));
        Assert.Equal(-Errno.EPIPE, Linux.Sockets.TrySend(moved.Number, "x"u8, 0));
    }

    [Fact]
    public void A_reset_that_the_program_has_not_seen_is_seen()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        Linux.Sockets.Set(client.Number, Linux.Sockets.SOL_SOCKET, 13, [1, 0, 0, 0, 0, 0, 0, 0], "SO_LINGER");
        client.Dispose();
        Wire.WaitFor(accepted, TcpState.Close);

        FileDescriptor moved = Move(network, listener, accepted)[1];

        Assert.Equal(-Errno.ECONNRESET, Linux.Sockets.TryReceive(moved.Number, new byte[1], Linux.Sockets.MSG_DONTWAIT));
    }

    [Fact]
    public void A_connection_being_made_is_made()
    {
        using var network = new MovedNetwork();
        FileDescriptor listener = network.Client.Run(() => Wire.Listen(ClientAddress));
        network.Lock();
        FileDescriptor connecting = network.A.Run(() => Wire.Tcp(Server));
        Linux.Files.SetStatusFlags(connecting.Number, Linux.Files.O_RDWR | Linux.Files.O_NONBLOCK);
        Assert.Equal(-Errno.EINPROGRESS, Linux.Sockets.TryConnect(connecting.Number, Wire.Address(ClientAddress, Wire.Port(listener))));
        Assert.Equal(TcpState.SynSent, Wire.State(connecting));
        int port = Wire.Port(connecting);

        FileDescriptor moved = Move(network, connecting)[0];

        Wire.Wait(listener, Linux.Sockets.POLLIN);
        using FileDescriptor accepted = Linux.Sockets.Accept(listener.Number);
        Wire.Send(moved, "made"u8);
        Assert.Equal("made"u8, Wire.Receive(accepted, 4));
        Assert.Equal(port, Wire.Port(moved));
    }

    [Fact]
    public void Options_of_a_connection_survive()
    {
        using var network = new MovedNetwork();
        var (listener, accepted, client) = Connect(network, Server);
        (int Level, int Option, int Value)[] options =
        [
            (1, 9, 1), (1, 36, 77), (1, 18, 3), (6, 1, 1), (6, 4, 111), (6, 5, 22), (6, 6, 4), (6, 7, 3), (6, 18, 12345), (6, 25, 65536), (6, 8, 33), (0, 1, 0x10), (1, 12, 4), (0, 2, 99), (0, 10, 3),
            (1, 29, 1), (1, 2, 1), (1, 10, 1), (1, 47, 1_000_000),
        ];
        foreach (var (level, option, value) in options) Linux.Sockets.SetInt(accepted.Number, level, option, value, $"{level}/{option}");
        Linux.Sockets.Set(accepted.Number, 6, 13, "reno"u8, "TCP_CONGESTION");
        Linux.Sockets.Set(accepted.Number, 1, 13, [1, 0, 0, 0, 9, 0, 0, 0], "SO_LINGER");
        Linux.Sockets.SetInt(accepted.Number, 1, 8, 100_000, "SO_RCVBUF");
        int sendBuffer = Linux.Sockets.GetInt(accepted.Number, 1, 7, "SO_SNDBUF");
        TcpInfo before = TcpInfo.Of(accepted.Number);

        FileDescriptor moved = Move(network, listener, accepted)[1];

        foreach (var (level, option, value) in options) Assert.Equal((level, option, value), (level, option, Linux.Sockets.GetInt(moved.Number, level, option, "")));
        byte[] text = new byte[16];
        Assert.Equal("reno"u8, text.AsSpan(0, (int)Linux.Sockets.TryGet(moved.Number, 6, 13, text)).TrimEnd((byte)0));
        byte[] linger = new byte[8];
        Linux.Sockets.TryGet(moved.Number, 1, 13, linger);
        Assert.Equal<byte>([1, 0, 0, 0, 9, 0, 0, 0], linger);
        Assert.Equal(200_000, Linux.Sockets.GetInt(moved.Number, 1, 8, "SO_RCVBUF"));
        Assert.Equal(sendBuffer, Linux.Sockets.GetInt(moved.Number, 1, 7, "SO_SNDBUF"));
        // The program set one buffer; the other goes on growing by itself.
        Assert.Equal(2, Linux.Sockets.GetInt(moved.Number, 1, 72, "SO_BUF_LOCK"));
        TcpInfo after = TcpInfo.Of(moved.Number);
        Assert.Equal((before.Options, before.SendScale, before.ReceiveScale), (after.Options, after.SendScale, after.ReceiveScale));
        Wire.Send(client, "still"u8);
        Assert.Equal("still"u8, Wire.Receive(moved, 5));
    }

    [Fact]
    public void Urgent_data_is_waited_for()
    {
        using var network = new MovedNetwork();
        var (_, accepted, client) = Connect(network, Server);
        Assert.Equal(1, Linux.Sockets.TrySend(client.Number, "!"u8, Linux.Sockets.MSG_OOB));
        Wire.Wait(accepted, Linux.Sockets.POLLPRI);

        (string Reason, string Remedy)? delay = new TcpConnection().Delays(network.Dump.Add(accepted), network.Dump.Context);

        Assert.Contains("urgent", delay?.Reason, StringComparison.Ordinal);
    }
}
