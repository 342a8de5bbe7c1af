using static ContainerGrains.Linux.Net.BpfAssembler;

namespace ContainerGrains.Linux.Net;

/// <summary>
/// The lock's programs: they read one switch of a shared array for every frame, so that turning it is one map update. ARP and
/// IPv6 neighbour discovery always pass a held lock: a neighbour that gets no answer for a while makes the gap far longer than
/// the freeze was.
/// </summary>
internal static class LockPrograms
{
    /// <summary>Places in the array.</summary>
    public const uint GateKey = 0, CaptureKey = 1;

    /// <summary>Values of the gate.</summary>
    public const uint Open = 0, Held = 1, Silent = 2;

    private const int TC_ACT_OK = 0, TC_ACT_SHOT = 2, map_lookup_elem = 1, WholeFrame = 0x40000;
    private const short skb_pkt_type = 4, skb_protocol = 16;
    private const int PACKET_OUTGOING = 4, ArpProtocol = 0x0608, Ipv6Protocol = 0xdd86; // as they lie on the wire
    private const int EthernetHeader = 14, Ipv6NextHeader = EthernetHeader + 6, Icmpv6Type = EthernetHeader + 40, IcmpV6 = 58, RouterSolicitation = 133, Redirect = 137;

    /// <summary>For both directions of the container's end: drops what the gate does not let pass.</summary>
    public static FileDescriptor LoadGate(FileDescriptor switches) =>
        Bpf.Load(Bpf.BPF_PROG_TYPE_SCHED_CLS, Build(switches, GateKey, outgoingOnly: false, TC_ACT_OK, TC_ACT_SHOT));

    /// <summary>For the tap on the host's end: keeps the frames that the gate of the container drops.</summary>
    public static FileDescriptor LoadCapture(FileDescriptor switches) =>
        Bpf.Load(Bpf.BPF_PROG_TYPE_SOCKET_FILTER, Build(switches, CaptureKey, outgoingOnly: true, 0, WholeFrame));

    private static ulong[] Build(FileDescriptor switches, uint key, bool outgoingOnly, int neighbourly, int other)
    {
        BpfAssembler code = new BpfAssembler().Move(R6, R1);
        if (outgoingOnly) code.Load32(R7, R6, skb_pkt_type).JumpIf(R7, Condition.NotEqual, PACKET_OUTGOING, "pass");
        return code
            .Store32(R10, -4, (int)key).Move(R2, R10).Add(R2, -4).LoadMap(R1, switches).Call(map_lookup_elem)
            .JumpIf(R0, Condition.Equal, 0, "pass")
            .Load32(R7, R0, 0)
            .JumpIf(R7, Condition.Equal, (int)Open, "pass")
            .JumpIf(R7, Condition.Equal, (int)Silent, "stop")
            .Load32(R7, R6, skb_protocol)
            .JumpIf(R7, Condition.Equal, ArpProtocol, "pass")
            .JumpIf(R7, Condition.NotEqual, Ipv6Protocol, "stop")
            .LoadFrameByte(Ipv6NextHeader).JumpIf(R0, Condition.NotEqual, IcmpV6, "stop")
            .LoadFrameByte(Icmpv6Type).JumpIf(R0, Condition.Less, RouterSolicitation, "stop").JumpIf(R0, Condition.Greater, Redirect, "stop")
            .Label("pass").Set(R0, neighbourly).Exit()
            .Label("stop").Set(R0, other).Exit()
            .ToArray();
    }
}
