using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Linux.Tests.Net;

/// <summary>
/// Two hosts and a client on one segment, as namespaces: host A and host B have a bridge br0 each, whose uplink is a port of a
/// bridge between them, where the client's interface is a port too. All of it ends with its descriptors.
/// </summary>
internal sealed class Lan : IDisposable
{
    public static readonly InterfaceAddress ClientAddress = InterfaceAddress.Parse("10.88.254.1/16");

    public Lan()
    {
        using (Middle.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            socket.CreateBridge("br0", MacAddress.FromName("middle"));
            int bridge = socket.Find("br0")!.Index;
            foreach ((string name, NetworkNamespace ns) in new[] { ("a", HostA), ("b", HostB), ("c", Client) })
            {
                socket.CreateVeth(new VethEnd(name, MasterIndex: bridge), new VethEnd("up0"), ns, up: true);
                using (ns.Enter())
                using (RouteSocket far = RouteSocket.Open())
                    Join(far, ns);
            }
        }
    }

    public NetworkNamespace Middle { get; } = NetworkNamespace.Create();
    public NetworkNamespace HostA { get; } = NetworkNamespace.Create();
    public NetworkNamespace HostB { get; } = NetworkNamespace.Create();
    public NetworkNamespace Client { get; } = NetworkNamespace.Create();

    public static ContainerInterface Attach(NetworkNamespace host, string name, NetworkNamespace container, string address, bool silent = false)
    {
        using (host.Enter())
            return ContainerInterface.Attach(name, container, "br0", InterfaceAddress.Parse(address), gateway: null, silent);
    }

    public static Socket NewSocket(NetworkNamespace ns, SocketType type = SocketType.Stream)
    {
        using (ns.Enter())
            return new Socket(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp) { ReceiveTimeout = 10_000, SendTimeout = 10_000 };
    }

    /// <summary>Sends one byte and waits for one back; the time in ms.</summary>
    public static double RoundTrip(Socket socket)
    {
        long start = Stopwatch.GetTimestamp();
        socket.Send([1]);
        byte[] reply = new byte[1];
        Assert.Equal(1, socket.Receive(reply));
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose()
    {
        Client.Dispose();
        HostA.Dispose();
        HostB.Dispose();
        Middle.Dispose();
    }

    private void Join(RouteSocket socket, NetworkNamespace ns)
    {
        int uplink = socket.Find("up0")!.Index;
        if (ns == Client)
        {
            socket.Configure(uplink, ClientAddress, gateway: null);
            return;
        }
        socket.CreateBridge("br0", MacAddress.FromName(ns == HostA ? "a" : "b"));
        socket.SetMaster(uplink, socket.Find("br0")!.Index);
        socket.SetUp(uplink);
    }
}
