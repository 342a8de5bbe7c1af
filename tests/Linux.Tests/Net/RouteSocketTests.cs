using System.Net;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Linux.Tests.Net;

public sealed class RouteSocketTests
{
    private static readonly MacAddress Mac = new([2, 0, 0, 0, 0, 9]);

    [Fact]
    public void A_new_namespace_has_only_lo_and_it_is_down() => Dedicated.Run(() =>
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        using (ns.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            LinkInfo lo = Assert.Single(socket.Links());
            Assert.Equal("lo", lo.Name);
            Assert.Equal(1, lo.Index);
            Assert.False(lo.IsUp);
        }
    });

    [Fact]
    public void Entering_a_namespace_ends_with_its_scope() => Dedicated.Run(() =>
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        string before = Files.ReadLink("/proc/thread-self/ns/net")!;
        string inside;
        using (ns.Enter())
            inside = Files.ReadLink("/proc/thread-self/ns/net")!;
        Assert.NotEqual(before, inside);
        Assert.Equal(before, Files.ReadLink("/proc/thread-self/ns/net"));
    });

    [Fact]
    public void A_bridge_is_up_and_keeps_its_address_when_ports_come() => Dedicated.Run(() =>
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        using (ns.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            socket.CreateBridge("br", Mac);
            int bridge = socket.Find("br")!.Index;
            // A port with a lower address would win over a bridge that follows its ports.
            socket.CreateVeth(new VethEnd("a", new MacAddress([2, 0, 0, 0, 0, 1]), bridge), new VethEnd("b"), thereNamespace: null, up: true);
            LinkInfo link = socket.Find("br")!;
            Assert.Equal((Mac, "bridge", true), (link.Mac, link.Kind, link.IsUp));
            Assert.Equal(bridge, socket.Find("a")!.MasterIndex);
            socket.SetMaster(socket.Find("a")!.Index, 0);
            Assert.Equal(0, socket.Find("a")!.MasterIndex);
        }
    });

    [Fact]
    public void The_far_end_of_a_pair_is_born_in_the_other_namespace() => Dedicated.Run(() =>
    {
        using NetworkNamespace here = NetworkNamespace.Create();
        using NetworkNamespace there = NetworkNamespace.Create();
        using (here.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            socket.CreateVeth(new VethEnd("host", Mtu: 1400), new VethEnd("eth0", Mac, Mtu: 1400), there, up: true);
            Assert.Null(socket.Find("eth0"));
            Assert.Equal(1400, socket.Find("host")!.Mtu);
            using (there.Enter())
            using (RouteSocket far = RouteSocket.Open())
            {
                LinkInfo link = far.Find("eth0")!;
                Assert.Equal((Mac, 1400, false, "veth"), (link.Mac, link.Mtu, link.IsUp, link.Kind));
                far.SetMtu(link.Index, 1300);
                far.SetUp(link.Index);
                far.SetMac(link.Index, MacAddress.FromName("x"));
                link = far.Find("eth0")!;
                Assert.Equal((MacAddress.FromName("x"), 1300, true), (link.Mac, link.Mtu, link.IsUp));
            }
            socket.Delete(socket.Find("host")!.Index);
            Assert.Null(socket.Find("host"));
        }
    });

    [Fact]
    public void A_refused_message_is_named_with_its_error() => Dedicated.Run(() =>
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        using (ns.Enter())
        using (RouteSocket socket = RouteSocket.Open())
        {
            LinuxException error = Assert.Throws<LinuxException>(() => socket.AddDefaultRoute(1, IPAddress.Parse("10.1.1.1")));
            Assert.Contains("add default route via 10.1.1.1", error.Message);
            socket.CreateBridge("br", Mac);
            Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => socket.CreateBridge("br", Mac)).Errno);
            Assert.Equal(Errno.ENODEV, Assert.Throws<LinuxException>(() => socket.Delete(4711)).Errno);
        }
    });

    [Theory]
    [InlineData("10.88.0.5")]
    [InlineData("10.88.0.5/33")]
    [InlineData("10.88.0.5/-1")]
    [InlineData("/16")]
    [InlineData("host/16")]
    public void What_is_no_address_with_a_prefix_is_refused(string text) => Assert.Throws<FormatException>(() => InterfaceAddress.Parse(text));

    [Fact]
    public void An_address_from_a_name_is_local_and_unicast_and_stays()
    {
        MacAddress mac = MacAddress.FromName("web");
        Assert.Equal(2, mac.ToBytes()[0] & 3);
        Assert.Equal(mac, MacAddress.FromName("web"));
        Assert.NotEqual(mac, MacAddress.FromName("web2"));
        Assert.Matches("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", mac.ToString());
    }
}
