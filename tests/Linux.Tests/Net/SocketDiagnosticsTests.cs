using System.Net;
using System.Net.Sockets;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Linux.Tests.Net;

public sealed class SocketDiagnosticsTests
{
    [Fact]
    public void Tcp_sockets_are_listed_with_inode_state_and_queues() => Dedicated.Run(() =>
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(7);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        using SocketDiagnostics diagnostics = SocketDiagnostics.Open();

        InetSocketInfo listening = Single(diagnostics, SocketProtocol.Tcp, listener);
        Assert.Equal((10, 1u, 7u), (listening.State, listening.ReceiveQueue, listening.SendQueue));
        using Socket server = listener.Accept();
        client.Send("hello"u8);
        Assert.True(server.Poll(5_000_000, SelectMode.SelectRead));
        InetSocketInfo established = Single(diagnostics, SocketProtocol.Tcp, server);
        Assert.Equal((1, 5u), (established.State, established.ReceiveQueue));
        Assert.Equal(client.LocalEndPoint, established.Remote);
        Assert.Equal(listener.LocalEndPoint, established.Local);
    });

    [Fact]
    public void Udp_and_ipv6_sockets_are_listed() => Dedicated.Run(() =>
    {
        using var four = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        four.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using SocketDiagnostics diagnostics = SocketDiagnostics.Open();
        Assert.Equal(four.LocalEndPoint, Single(diagnostics, SocketProtocol.Udp, four).Local);
        if (!Socket.OSSupportsIPv6) Assert.Skip("This kernel has no IPv6.");
        using var six = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
        six.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
        Assert.Equal(six.LocalEndPoint, Single(diagnostics, SocketProtocol.Udp, six).Local);
    });

    [Fact]
    public void Unix_sockets_know_their_peer_their_waiting_connections_and_what_is_shut() => Dedicated.Run(() =>
    {
        string name = "\0containergrains-" + Guid.NewGuid();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(name));
        listener.Listen(3);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(name));
        using SocketDiagnostics diagnostics = SocketDiagnostics.Open();

        UnixSocketInfo listening = Single(diagnostics, listener);
        Assert.Equal(System.Text.Encoding.ASCII.GetBytes(name), listening.Name);
        Assert.Equal((1, 10, 1u), (listening.Type, listening.State, listening.ReceiveQueue));
        Assert.Equal(Inode(client), Assert.Single(listening.PendingInodes));

        using Socket server = listener.Accept();
        client.Send("hello"u8);
        client.Shutdown(SocketShutdown.Send);
        UnixSocketInfo accepted = Single(diagnostics, server), connected = Single(diagnostics, client);
        Assert.Equal(accepted.Inode, connected.PeerInode);
        Assert.Equal(connected.Inode, accepted.PeerInode);
        Assert.Equal((2, 1), (connected.Shutdown, accepted.Shutdown));
        Assert.Equal(5u, accepted.ReceiveQueue);
    });

    private static uint Inode(Socket socket) => (uint)Files.Stat((int)socket.Handle).st_ino;

    private static InetSocketInfo Single(SocketDiagnostics diagnostics, SocketProtocol protocol, Socket socket) =>
        Assert.Single(diagnostics.Inet(protocol), s => s.Inode == Inode(socket));

    private static UnixSocketInfo Single(SocketDiagnostics diagnostics, Socket socket) => Assert.Single(diagnostics.Unix(), s => s.Inode == Inode(socket));
}
