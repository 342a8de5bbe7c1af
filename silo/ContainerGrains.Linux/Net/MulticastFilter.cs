using System.Buffers.Binary;

namespace ContainerGrains.Linux.Net;

/// <summary>A socket's part in a multicast group: struct group_filter and its relatives (linux/in.h), for IPv4 and IPv6 alike.</summary>
public static class MulticastFilter
{
    private const int MCAST_JOIN_GROUP = 42, MCAST_JOIN_SOURCE_GROUP = 46, MCAST_MSFILTER = 48, MCAST_EXCLUDE = 0, MCAST_INCLUDE = 1;
    // gf_interface and padding 8, gf_group 128 (sockaddr_storage), gf_fmode 4, gf_numsrc 4, then sources of 128.
    private const int GroupAt = 8, Storage = 128, ModeAt = GroupAt + Storage, CountAt = ModeAt + 4, SourcesAt = CountAt + 4, MaxSources = 64;

    /// <summary>Null when the socket has not joined the group on that interface.</summary>
    public static (bool Include, byte[][] Sources)? Of(int fd, int level, int interfaceIndex, ReadOnlySpan<byte> group)
    {
        byte[] filter = new byte[SourcesAt + MaxSources * Storage];
        BinaryPrimitives.WriteInt32LittleEndian(filter, interfaceIndex);
        group.CopyTo(filter.AsSpan(GroupAt));
        BinaryPrimitives.WriteInt32LittleEndian(filter.AsSpan(CountAt), MaxSources);
        if (Sockets.TryGet(fd, level, MCAST_MSFILTER, filter) < 0) return null;
        int mode = BinaryPrimitives.ReadInt32LittleEndian(filter.AsSpan(ModeAt)), count = Math.Clamp(BinaryPrimitives.ReadInt32LittleEndian(filter.AsSpan(CountAt)), 0, MaxSources);
        byte[][] sources = new byte[count][];
        for (int i = 0; i < count; i++) sources[i] = filter.AsSpan(SourcesAt + i * Storage, group.Length).ToArray();
        return (mode == MCAST_INCLUDE, sources);
    }

    public static void Join(int fd, int level, int interfaceIndex, ReadOnlySpan<byte> group, bool include, IReadOnlyList<byte[]> sources)
    {
        byte[] request = new byte[GroupAt + 2 * Storage];
        BinaryPrimitives.WriteInt32LittleEndian(request, interfaceIndex);
        group.CopyTo(request.AsSpan(GroupAt));
        if (include)
        {
            foreach (byte[] source in sources)
            {
                source.CopyTo(request, GroupAt + Storage);
                Sockets.Set(fd, level, MCAST_JOIN_SOURCE_GROUP, request, "MCAST_JOIN_SOURCE_GROUP");
            }
            return;
        }
        Sockets.Set(fd, level, MCAST_JOIN_GROUP, request.AsSpan(0, GroupAt + Storage), "MCAST_JOIN_GROUP");
        if (sources.Count == 0) return;
        byte[] filter = new byte[SourcesAt + sources.Count * Storage];
        request.AsSpan(0, GroupAt + Storage).CopyTo(filter);
        BinaryPrimitives.WriteInt32LittleEndian(filter.AsSpan(ModeAt), MCAST_EXCLUDE);
        BinaryPrimitives.WriteInt32LittleEndian(filter.AsSpan(CountAt), sources.Count);
        for (int i = 0; i < sources.Count; i++) sources[i].CopyTo(filter, SourcesAt + i * Storage);
        Sockets.Set(fd, level, MCAST_MSFILTER, filter, "MCAST_MSFILTER");
    }
}
