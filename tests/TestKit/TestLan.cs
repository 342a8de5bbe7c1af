namespace ContainerGrains.TestKit;

/// <summary>Three hosts and a client on one segment, as network namespaces: each host has a bridge, whose uplink is a port of a switch.</summary>
public sealed class TestLan : IDisposable
{
    public const string Bridge = "cg0";
    /// <summary>The client's address; containers take others of 10.88.0.0/16.</summary>
    public const string ClientAddress = "10.88.254.1";
    private readonly TestNetwork _switch = new();

    public TestLan()
    {
        MakeBridge(_switch, "02:00:00:00:00:01");
        foreach ((TestNetwork host, int i) in Hosts.Select((host, i) => (host, i)))
        {
            MakeBridge(host, $"02:00:00:00:01:0{i}");
            _switch.Cable($"port{i}", host, "uplink");
            _switch.Ip($"link set port{i} master {Bridge}");
            host.Ip($"link set uplink master {Bridge}");
        }
        _switch.Cable("client", Client, "eth0");
        _switch.Ip($"link set client master {Bridge}");
        Client.Ip($"addr add {ClientAddress}/16 dev eth0");
    }

    public IReadOnlyList<TestNetwork> Hosts { get; } = [new TestNetwork(), new TestNetwork(), new TestNetwork()];
    public TestNetwork Client { get; } = new();

    public void Dispose()
    {
        foreach (TestNetwork network in (TestNetwork[])[Client, .. Hosts, _switch]) network.Dispose();
    }

    private static void MakeBridge(TestNetwork network, string mac)
    {
        network.Ip($"link add {Bridge} address {mac} type bridge stp_state 0 forward_delay 0");
        network.Ip($"link set {Bridge} up");
    }
}
