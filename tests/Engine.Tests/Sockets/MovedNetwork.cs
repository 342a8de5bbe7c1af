namespace ContainerGrains.Engine.Tests.SocketRooms;

/// <summary>
/// A container's network on two hosts, A and B, with the same addresses, and a client on a bridge that A is plugged into first
/// and B later: what is made in A is dumped, closed without a word, and restored in B.
/// </summary>
internal sealed class MovedNetwork : IDisposable
{
    public const string Server = "10.77.0.1", Server6 = "fd77::1", ClientAddress = "10.77.0.2", ClientAddress6 = "fd77::2";

    public TestNetwork Client { get; } = new();
    public TestNetwork A { get; } = new();
    public TestNetwork B { get; } = new();
    public TestDump Dump { get; }
    public TestRestore Restore { get; }

    public MovedNetwork()
    {
        Dump = new TestDump(initPid: A.ThreadId);
        Restore = new TestRestore(Dump, initPid: B.ThreadId);
        Client.Ip("link add br0 type bridge forward_delay 0 mcast_snooping 0");
        Client.Ip("link set br0 up");
        Client.Address("br0", ClientAddress, ClientAddress6);
        foreach ((TestNetwork host, string port) in (ReadOnlySpan<(TestNetwork, string)>)[(A, "a0"), (B, "b0")])
        {
            Client.Cable(port, host, "eth0");
            host.Ip("link set eth0 address 02:00:00:00:77:01");
            host.Address("eth0", Server, Server6);
        }
        Client.Ip("link set a0 master br0");
    }

    /// <summary>From here on no packet passes between the client and A.</summary>
    public void Lock() => Client.Ip("link set a0 nomaster");

    /// <summary>The move failed: A is plugged in again.</summary>
    public void UnlockA() => Client.Ip("link set a0 master br0");

    /// <summary>B is plugged in.</summary>
    public void UnlockB() => Client.Ip("link set b0 master br0");

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
        Client.Dispose();
    }
}
