using System.Globalization;
using ContainerGrains.Linux;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>A multicast group that a socket has joined on an interface, with its source filter (ip(7), MCAST_JOIN_GROUP).</summary>
/// <param name="Interface">By name: numbers change in a move.</param>
/// <param name="Group">Raw sockaddr.</param>
/// <param name="Include">Only from <paramref name="Sources"/>; else from all but them.</param>
public sealed record MulticastMembership(string Interface, byte[] Group, bool Include, IReadOnlyList<byte[]> Sources)
{
    private const int IP_MULTICAST_IF = 32;

    /// <summary>The kernel lists groups by interface, not by socket; each socket is asked for each.</summary>
    public static IReadOnlyList<MulticastMembership> Of(int fd, SocketKind kind, DumpContext context)
    {
        IReadOnlyList<(string Interface, int Index, byte[] Group)> groups = context.Once(typeof(MulticastMembership), () => List(context.InitPid));
        List<MulticastMembership> found = [];
        foreach ((string name, int index, byte[] group) in groups)
        {
            int level = group.Length == 16 ? Linux.Sockets.IPPROTO_IP : Linux.Sockets.IPPROTO_IPV6;
            if (level == Linux.Sockets.IPPROTO_IPV6 && kind.Domain == Linux.Sockets.AF_INET) continue;
            if (MulticastFilter.Of(fd, level, index, group) is { } filter) found.Add(new MulticastMembership(name, group, filter.Include, filter.Sources));
        }
        return found;
    }

    public void Join(int fd, SocketKind kind)
    {
        int level = Group.Length == 16 ? Linux.Sockets.IPPROTO_IP : Linux.Sockets.IPPROTO_IPV6;
        if (Group.Length is not (16 or 28) || level == Linux.Sockets.IPPROTO_IPV6 && kind.Domain == Linux.Sockets.AF_INET)
            throw new EngineException(EngineError.BadImage, "restore: multicast group", $"a group address of {Group.Length} bytes does not fit its socket; take a new checkpoint");
        MulticastFilter.Join(fd, level, NetworkInterfaces.Index(Interface), Group, Include, Sources);
    }

    /// <summary>IP_MULTICAST_IF: an address, as far as the kernel tells; null when none was chosen.</summary>
    public static byte[]? SendingInterface(int fd)
    {
        byte[] address = new byte[4];
        return Linux.Sockets.TryGet(fd, Linux.Sockets.IPPROTO_IP, IP_MULTICAST_IF, address) == 4 && address.AsSpan().ContainsAnyExcept((byte)0) ? address : null;
    }

    public static void SetSendingInterface(int fd, byte[] address) => Linux.Sockets.Set(fd, Linux.Sockets.IPPROTO_IP, IP_MULTICAST_IF, address, "IP_MULTICAST_IF");

    // /proc/net/igmp: "2 eth0 : 1 V3", then lines "\t\t\t\tGROUP ..." (hex of the raw word); igmp6: "2 eth0 GROUP ...".
    private static IReadOnlyList<(string, int, byte[])> List(int pid)
    {
        List<(string, int, byte[])> groups = [];
        string name = "";
        int index = 0;
        foreach (string line in Linux.Files.ReadText($"/proc/{pid}/net/igmp").Split('\n').Skip(1))
        {
            string[] words = line.Split((char[])[' ', '\t', ':'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2) continue;
            if (!char.IsWhiteSpace(line[0]))
            {
                index = int.Parse(words[0], CultureInfo.InvariantCulture);
                name = words[1];
                continue;
            }
            byte[] group = new byte[16];
            group[0] = Linux.Sockets.AF_INET;
            BitConverter.TryWriteBytes(group.AsSpan(4), uint.Parse(words[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            groups.Add((name, index, group));
        }
        if (Linux.Files.TryStat($"/proc/{pid}/net/igmp6") is null) return groups;
        foreach (string line in Linux.Files.ReadText($"/proc/{pid}/net/igmp6").Split('\n'))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 3) continue;
            byte[] group = new byte[28];
            group[0] = Linux.Sockets.AF_INET6;
            Convert.FromHexString(words[2]).CopyTo(group, 8);
            groups.Add((words[1], int.Parse(words[0], CultureInfo.InvariantCulture), group));
        }
        return groups;
    }
}
