using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using static ContainerGrains.Linux.Net.Rtnetlink;

namespace ContainerGrains.Linux.Net;

/// <summary>Interfaces, addresses and routes of the network namespace in which it was opened; rtnetlink(7). Not thread-safe.</summary>
public sealed class RouteSocket : IDisposable
{
    private const ushort Ack = NetlinkBatch.NLM_F_ACK;
    private const ushort Create = NetlinkBatch.NLM_F_ACK | NetlinkBatch.NLM_F_CREATE | NetlinkBatch.NLM_F_EXCL;
    private readonly NetlinkSocket _socket;

    private RouteSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens it in the calling thread's network namespace.</summary>
    public static RouteSocket Open() => new(NetlinkSocket.Open(NetlinkSocket.NETLINK_ROUTE));

    /// <summary>A bridge that forwards at once: no spanning tree, no delay, an address that does not follow its ports.</summary>
    public void CreateBridge(string name, MacAddress mac) =>
        _socket.Execute(new NetlinkBatch()
            .Message($"create bridge {name}", RTM_NEWLINK, Create, new ifinfomsg { ifi_flags = IFF_UP, ifi_change = IFF_UP })
            .Attribute(IFLA_IFNAME, name)
            .Attribute(IFLA_ADDRESS, mac.ToBytes())
            .Nested(IFLA_LINKINFO, info => info
                .Attribute(IFLA_INFO_KIND, "bridge")
                .Nested(IFLA_INFO_DATA, data => data.Attribute(IFLA_BR_FORWARD_DELAY, 0u).Attribute(IFLA_BR_STP_STATE, 0u))));

    /// <summary>A pair of connected interfaces, the second one born in another namespace, and down: the kernel opens no end whose peer is not yet there.</summary>
    public void CreateVeth(VethEnd here, VethEnd there, NetworkNamespace? thereNamespace, bool up)
    {
        uint flags = up ? IFF_UP : 0;
        NetlinkBatch batch = new NetlinkBatch().Message($"create veth {here.Name}", RTM_NEWLINK, Create, new ifinfomsg { ifi_flags = flags, ifi_change = IFF_UP });
        Write(batch, here);
        batch.Nested(IFLA_LINKINFO, info => info
            .Attribute(IFLA_INFO_KIND, "veth")
            .Nested(IFLA_INFO_DATA, data => data.Nested(VETH_INFO_PEER, peer =>
            {
                Write(peer.Raw(default(ifinfomsg)), there);
                if (thereNamespace is not null) peer.Attribute(IFLA_NET_NS_FD, thereNamespace.Fd);
            })));
        _socket.Execute(batch);
    }

    public void Delete(int index) => _socket.Execute(Link($"delete link {index}", RTM_DELLINK, index));

    public void SetUp(int index, bool up = true) =>
        _socket.Execute(Link($"set link {index} {(up ? "up" : "down")}", RTM_NEWLINK, index, up ? IFF_UP : 0, IFF_UP));

    /// <param name="masterIndex">A bridge; 0 takes the link out of its bridge.</param>
    public void SetMaster(int index, int masterIndex) =>
        _socket.Execute(Link($"set master of link {index}", RTM_NEWLINK, index).Attribute(IFLA_MASTER, masterIndex));

    public void SetMtu(int index, int mtu) => _socket.Execute(Link($"set mtu of link {index}", RTM_NEWLINK, index).Attribute(IFLA_MTU, mtu));

    public void SetMac(int index, MacAddress mac) =>
        _socket.Execute(Link($"set address of link {index}", RTM_NEWLINK, index).Attribute(IFLA_ADDRESS, mac.ToBytes()));

    public void AddAddress(int index, InterfaceAddress address) => _socket.Execute(Address(new NetlinkBatch(), index, address));

    public void AddDefaultRoute(int index, IPAddress gateway) => _socket.Execute(DefaultRoute(new NetlinkBatch(), index, gateway));

    /// <summary>lo and one interface up, with its address and default route, in one send.</summary>
    public void Configure(int index, InterfaceAddress address, IPAddress? gateway)
    {
        NetlinkBatch batch = Link("set lo up", RTM_NEWLINK, 1, IFF_UP, IFF_UP);
        batch.Message($"set link {index} up", RTM_NEWLINK, Ack, new ifinfomsg { ifi_index = index, ifi_flags = IFF_UP, ifi_change = IFF_UP });
        Address(batch, index, address);
        if (gateway is not null) DefaultRoute(batch, index, gateway);
        _socket.Execute(batch);
    }

    /// <summary>The clsact qdisc with one direct-action program for each direction.</summary>
    internal void AttachPrograms(int index, FileDescriptor ingress, FileDescriptor egress) =>
        _socket.Execute(ClassifierFilter(ClassifierFilter(
            new NetlinkBatch()
                .Message($"add clsact to link {index}", RTM_NEWQDISC, Create, new tcmsg { tcm_ifindex = index, tcm_handle = TC_CLSACT_HANDLE, tcm_parent = TC_H_CLSACT })
                .Attribute(TCA_KIND, "clsact"),
            index, TC_H_INGRESS, ingress), index, TC_H_EGRESS, egress));

    /// <summary>Removes what <see cref="AttachPrograms"/> has put there, or another process with it; nothing there is no error.</summary>
    internal void DetachPrograms(int index)
    {
        try
        {
            _socket.Execute(new NetlinkBatch()
                .Message($"remove clsact from link {index}", RTM_DELQDISC, Ack, new tcmsg { tcm_ifindex = index, tcm_handle = TC_CLSACT_HANDLE, tcm_parent = TC_H_CLSACT }));
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.EINVAL)
        {
            // The kernel says either when there is no such qdisc.
        }
    }

    public IReadOnlyList<LinkInfo> Links()
    {
        var links = new List<LinkInfo>();
        _socket.Dump(new NetlinkBatch().Message("list links", RTM_GETLINK, NetlinkBatch.NLM_F_DUMP, default(ifinfomsg)),
            (type, payload) =>
            {
                if (type == RTM_NEWLINK) links.Add(ReadLink(payload));
            });
        return links;
    }

    /// <summary>Null when there is none of that name.</summary>
    public LinkInfo? Find(string name) => Get(new NetlinkBatch().Message($"get link {name}", RTM_GETLINK, 0, default(ifinfomsg)).Attribute(IFLA_IFNAME, name));

    /// <summary>Null when there is none of that index.</summary>
    public LinkInfo? Find(int index) => Get(new NetlinkBatch().Message($"get link {index}", RTM_GETLINK, 0, new ifinfomsg { ifi_index = index }));

    public void Dispose() => _socket.Dispose();

    private static NetlinkBatch Link(string name, ushort type, int index, uint flags = 0, uint change = 0) =>
        new NetlinkBatch().Message(name, type, Ack, new ifinfomsg { ifi_index = index, ifi_flags = flags, ifi_change = change });

    private static void Write(NetlinkBatch batch, VethEnd end)
    {
        batch.Attribute(IFLA_IFNAME, end.Name);
        if (end.Mac is { } mac) batch.Attribute(IFLA_ADDRESS, mac.ToBytes());
        if (end.MasterIndex != 0) batch.Attribute(IFLA_MASTER, end.MasterIndex);
        if (end.Mtu != 0) batch.Attribute(IFLA_MTU, end.Mtu);
    }

    private static NetlinkBatch Address(NetlinkBatch batch, int index, InterfaceAddress address)
    {
        byte[] bytes = address.Address.GetAddressBytes();
        batch.Message($"add address {address}", RTM_NEWADDR, Create, new ifaddrmsg
        {
            ifa_family = Family(address.Address),
            ifa_prefixlen = (byte)address.PrefixLength,
            // The cluster gave the address to one container: nobody has to be asked, and nothing may be delayed.
            ifa_flags = IFA_F_NODAD,
            ifa_index = index,
        }).Attribute(IFA_LOCAL, bytes).Attribute(IFA_ADDRESS, bytes);
        if (address.Address.AddressFamily == AddressFamily.InterNetwork && address.PrefixLength < 31)
        {
            uint hostBits = uint.MaxValue >> address.PrefixLength;
            BinaryPrimitives.WriteUInt32BigEndian(bytes, BinaryPrimitives.ReadUInt32BigEndian(bytes) | hostBits);
            batch.Attribute(IFA_BROADCAST, bytes);
        }
        return batch;
    }

    private static NetlinkBatch DefaultRoute(NetlinkBatch batch, int index, IPAddress gateway) =>
        batch.Message($"add default route via {gateway}", RTM_NEWROUTE, Create, new rtmsg
        {
            rtm_family = Family(gateway),
            rtm_table = RT_TABLE_MAIN,
            rtm_protocol = RTPROT_STATIC,
            rtm_scope = RT_SCOPE_UNIVERSE,
            rtm_type = RTN_UNICAST,
        }).Attribute(RTA_GATEWAY, gateway.GetAddressBytes()).Attribute(RTA_OIF, index);

    private static NetlinkBatch ClassifierFilter(NetlinkBatch batch, int index, uint parent, FileDescriptor program)
    {
        const uint priority = 1u << 16, allProtocols = 0x0300; // htons(ETH_P_ALL)
        return batch.Message($"add filter to link {index}", RTM_NEWTFILTER, Create, new tcmsg { tcm_ifindex = index, tcm_parent = parent, tcm_info = priority | allProtocols })
            .Attribute(TCA_KIND, "bpf")
            .Nested(TCA_OPTIONS, options => options
                .Attribute(TCA_BPF_FD, program.Number)
                .Attribute(TCA_BPF_NAME, "network-lock")
                .Attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT));
    }

    private LinkInfo? Get(NetlinkBatch request)
    {
        LinkInfo? link = null;
        try
        {
            _socket.Query(request, (type, payload) => link = type == RTM_NEWLINK ? ReadLink(payload) : null);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            return null;
        }
        return link;
    }

    private static LinkInfo ReadLink(ReadOnlySpan<byte> payload)
    {
        var header = NetlinkReader.Header<ifinfomsg>(payload);
        string name = "", kind = "";
        MacAddress mac = default;
        int mtu = 0, master = 0;
        long received = 0, sent = 0;
        var attributes = new NetlinkReader(payload[Math.Min(16, payload.Length)..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case IFLA_IFNAME: name = attributes.Text; break;
                case IFLA_ADDRESS when attributes.Value.Length == 6: mac = new MacAddress(attributes.Value); break;
                case IFLA_MTU: mtu = (int)attributes.UInt32; break;
                case IFLA_MASTER: master = (int)attributes.UInt32; break;
                // struct rtnl_link_stats64: rx_packets, tx_packets, rx_bytes, tx_bytes, …
                case IFLA_STATS64 when attributes.Value.Length >= 32:
                    received = BinaryPrimitives.ReadInt64LittleEndian(attributes.Value[16..]);
                    sent = BinaryPrimitives.ReadInt64LittleEndian(attributes.Value[24..]);
                    break;
                case IFLA_LINKINFO:
                    var info = new NetlinkReader(attributes.Value);
                    while (info.Next())
                        if (info.Type == IFLA_INFO_KIND) kind = info.Text;
                    break;
            }
        }
        return new LinkInfo(header.ifi_index, name, kind, (header.ifi_flags & IFF_UP) != 0, mac, mtu, master, received, sent);
    }

    private static byte Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? AF_INET6 : AF_INET;
}
