using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>
/// A container's way to its network: a veth pair (veth(4)), one end a port of the host's bridge, the other the container's eth0,
/// with an Ethernet address that follows from the container's name, so that it is the same on every host.
/// </summary>
public sealed class ContainerInterface : IDisposable
{
    public const string ContainerLinkName = "eth0";
    private const int NameAttempts = 8;
    private readonly int _containerIndex;
    private bool _hasForeignGate;

    private ContainerInterface(string hostLinkName, int hostIndex, int containerIndex, MacAddress mac, InterfaceAddress address, NetworkLock? @lock)
    {
        HostLinkName = hostLinkName;
        HostIndex = hostIndex;
        _containerIndex = containerIndex;
        Mac = mac;
        Address = address;
        Lock = @lock;
    }

    public string HostLinkName { get; }
    public int HostIndex { get; }
    public MacAddress Mac { get; }
    public InterfaceAddress Address { get; }

    /// <summary>Null until <see cref="PrepareLock"/>, unless it was attached in silence.</summary>
    public NetworkLock? Lock { get; private set; }

    /// <summary>
    /// Joins a container to a bridge of the calling thread's network namespace. With <paramref name="silent"/> it is complete, and
    /// nothing passes until its lock is released: for a container that still lives elsewhere.
    /// </summary>
    /// <exception cref="LinuxException">ENODEV: no such bridge; EEXIST: the namespace has an eth0 already.</exception>
    public static ContainerInterface Attach(
        string containerName, NetworkNamespace container, string bridge, InterfaceAddress address, IPAddress? gateway, bool silent = false)
    {
        using RouteSocket host = RouteSocket.Open();
        int bridgeIndex = IndexOf(host, bridge);
        MacAddress mac = MacAddress.FromName(containerName);
        string hostName = CreatePair(host, containerName, bridgeIndex, mac, container);
        int hostIndex = IndexOf(host, hostName);
        NetworkLock? @lock = null;
        try
        {
            using RouteSocket inside = OpenInside(container);
            int containerIndex = IndexOf(inside, ContainerLinkName);
            if (silent) @lock = NetworkLock.Prepare(hostIndex, inside, containerIndex, silent: true);
            inside.Configure(containerIndex, address, gateway);
            return new ContainerInterface(hostName, hostIndex, containerIndex, mac, address, @lock);
        }
        catch
        {
            @lock?.Dispose();
            host.Delete(hostIndex);
            throw;
        }
    }

    /// <summary>
    /// The interface of a container that another process has attached, and is no more. Its gate stays as that one left it, until
    /// <see cref="OpenGate"/>.
    /// </summary>
    /// <exception cref="LinuxException">ENODEV: there is no such link any more.</exception>
    public static ContainerInterface TakeBack(string hostLinkName, string containerName, NetworkNamespace container, InterfaceAddress address)
    {
        using RouteSocket host = RouteSocket.Open(), inside = OpenInside(container);
        return new ContainerInterface(hostLinkName, IndexOf(host, hostLinkName), IndexOf(inside, ContainerLinkName), MacAddress.FromName(containerName), address, null) { _hasForeignGate = true };
    }

    /// <summary>Raises lo in a container that has no other interface.</summary>
    public static void RaiseLoopback(NetworkNamespace container)
    {
        using RouteSocket inside = OpenInside(container);
        inside.SetUp(1);
    }

    /// <summary>Makes the lock ready, before a freeze, on the container's network namespace. Once is enough.</summary>
    public NetworkLock PrepareLock(NetworkNamespace container)
    {
        if (Lock is not null) return Lock;
        OpenGate(container);
        using RouteSocket inside = OpenInside(container);
        return Lock = NetworkLock.Prepare(HostIndex, inside, _containerIndex, silent: false);
    }

    /// <summary>Takes away the gate that an earlier process has left at an interface that was taken back: frames pass.</summary>
    public void OpenGate(NetworkNamespace container)
    {
        if (!_hasForeignGate) return;
        using RouteSocket inside = OpenInside(container);
        inside.DetachPrograms(_containerIndex);
        _hasForeignGate = false;
    }

    /// <summary>Nothing passes any more, neither way: for a copy whose end nobody may hear.</summary>
    public void Cut()
    {
        using RouteSocket host = RouteSocket.Open();
        if (host.Find(HostIndex) is { } link && link.Name == HostLinkName) host.SetUp(HostIndex, up: false);
    }

    /// <summary>Says to every bridge and neighbour where the container is now: gratuitous ARP out of its own end (IPv4; for IPv6 a neighbour advertisement).</summary>
    public void Announce(NetworkNamespace container)
    {
        PacketSocket socket;
        using (container.Enter())
            socket = PacketSocket.Open(_containerIndex);
        foreach (byte[] frame in Announcement.Frames(Mac, Address.Address))
            socket.Send(frame);
        socket.DisposeLater();
    }

    /// <summary>Bytes from the container's view; null when the interface is gone.</summary>
    public (long ReceivedBytes, long SentBytes)? Statistics()
    {
        using RouteSocket host = RouteSocket.Open();
        return host.Find(HostIndex) is { } link ? (link.SentBytes, link.ReceivedBytes) : null;
    }

    /// <summary>Removes the pair; none there is no error, because it goes with its namespace too. Takes milliseconds: not inside a freeze.</summary>
    public void Detach()
    {
        using RouteSocket host = RouteSocket.Open();
        if (host.Find(HostIndex) is not { } link || link.Name != HostLinkName) return;
        try
        {
            host.Delete(HostIndex);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            // Its namespace went away between the question and the order.
        }
    }

    /// <summary>Lets go of the lock; the interface stays until <see cref="Detach"/> or the end of its namespace.</summary>
    public void Dispose() => Lock?.Dispose();

    private static RouteSocket OpenInside(NetworkNamespace container)
    {
        using (container.Enter())
            return RouteSocket.Open();
    }

    // Namespaces end asynchronously, and their links with them: a name is never used twice.
    private static string CreatePair(RouteSocket host, string containerName, int bridgeIndex, MacAddress mac, NetworkNamespace container)
    {
        string prefix = "cg" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(containerName)).AsSpan(6, 2));
        for (int attempt = 1; ; attempt++)
        {
            string name = $"{prefix}-{Random.Shared.Next():x8}";
            try
            {
                host.CreateVeth(new VethEnd(name, MasterIndex: bridgeIndex), new VethEnd(ContainerLinkName, mac), container, up: true);
                return name;
            }
            catch (LinuxException e) when (e.Errno == Errno.EEXIST && attempt < NameAttempts && host.Find(name) is not null)
            {
                // Somebody has that name; the next one is as good.
            }
        }
    }

    private static int IndexOf(RouteSocket socket, string name) =>
        socket.Find(name)?.Index ?? throw new LinuxException($"get link {name}", Errno.ENODEV);
}
