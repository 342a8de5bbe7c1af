using System.Runtime.InteropServices;

namespace ContainerGrains.Linux.Net;

/// <summary>Numbers and fixed parts of rtnetlink(7), under their kernel names (linux/rtnetlink.h, if_link.h, if_addr.h, pkt_sched.h, pkt_cls.h).</summary>
internal static class Rtnetlink
{
    public const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18, RTM_SETLINK = 19, RTM_NEWADDR = 20, RTM_NEWROUTE = 24, RTM_NEWQDISC = 36, RTM_DELQDISC = 37, RTM_NEWTFILTER = 44;
    public const ushort IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_LINK = 5, IFLA_MASTER = 10, IFLA_LINKINFO = 18, IFLA_STATS64 = 23, IFLA_NET_NS_FD = 28;
    public const ushort IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, VETH_INFO_PEER = 1;
    public const ushort IFLA_BR_FORWARD_DELAY = 1, IFLA_BR_STP_STATE = 5;
    public const ushort IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_BROADCAST = 4;
    public const byte IFA_F_NODAD = 2;
    public const ushort RTA_OIF = 4, RTA_GATEWAY = 5;
    public const byte RT_TABLE_MAIN = 254, RTPROT_STATIC = 4, RT_SCOPE_UNIVERSE = 0, RTN_UNICAST = 1;
    public const ushort TCA_KIND = 1, TCA_OPTIONS = 2, TCA_BPF_FD = 6, TCA_BPF_NAME = 7, TCA_BPF_FLAGS = 8;
    public const uint TCA_BPF_FLAG_ACT_DIRECT = 1, TC_H_CLSACT = 0xfffffff1, TC_H_INGRESS = 0xfffffff2, TC_H_EGRESS = 0xfffffff3, TC_CLSACT_HANDLE = 0xffff0000;
    public const uint IFF_UP = 1;
    public const byte AF_UNSPEC = 0, AF_INET = 2, AF_INET6 = 10;

    [StructLayout(LayoutKind.Sequential)]
    public struct ifinfomsg
    {
        public byte ifi_family, pad;
        public ushort ifi_type;
        public int ifi_index;
        public uint ifi_flags, ifi_change;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ifaddrmsg
    {
        public byte ifa_family, ifa_prefixlen, ifa_flags, ifa_scope;
        public int ifa_index;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct rtmsg
    {
        public byte rtm_family, rtm_dst_len, rtm_src_len, rtm_tos, rtm_table, rtm_protocol, rtm_scope, rtm_type;
        public uint rtm_flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct tcmsg
    {
        public byte tcm_family, pad1;
        public ushort pad2;
        public int tcm_ifindex;
        public uint tcm_handle, tcm_parent, tcm_info;
    }
}
