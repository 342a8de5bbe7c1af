using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>What all sockets have: their options that are not the default, buffers, a classic filter, an owner (socket(7)).</summary>
/// <param name="Numbers">By the option's C name; what is absent has its default.</param>
/// <param name="Structures">Structures and texts, raw.</param>
/// <param name="ReceiveBuffer">As getsockopt tells it: twice of what was asked for.</param>
/// <param name="BufferLock">SO_BUF_LOCK: 1 the send, 2 the receive buffer was set by the program, so it does not grow by itself.</param>
/// <param name="Filter">Array of struct sock_filter.</param>
public sealed record SocketOptions(
    SortedDictionary<string, long> Numbers, SortedDictionary<string, byte[]> Structures,
    int ReceiveBuffer, int SendBuffer, int BufferLock, byte[]? Filter, bool FilterLocked, uint Uid, uint Gid)
{
    private const int SO_SNDBUF = 7, SO_RCVBUF = 8, SO_GET_FILTER = 26, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33, SO_LOCK_FILTER = 44, SO_NETNS_COOKIE = 71, SO_BUF_LOCK = 72;

    // TCP options that mean something else, or cannot be set, once a connection stands.
    private static readonly string[] BeforeConnectionOnly = ["TCP_MAXSEG", "TCP_FASTOPEN", "TCP_FASTOPEN_CONNECT", "TCP_DEFER_ACCEPT"];

    /// <summary>Why no room can carry this socket, whatever its kind; null: nothing of that sort.</summary>
    public static (string Reason, string Remedy)? Refusal(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        if (Sockets.TryGet(fd, Sockets.SOL_SOCKET, SO_GET_FILTER, []) == -Errno.EACCES)
            return ("it has an eBPF filter attached", "detach the filter (SO_DETACH_FILTER) or use a classic one");
        byte[] own = Cookie(fd), container = context.Once("network namespace cookie", () =>
        {
            using NamespaceScope scope = NamespaceScope.EnterNetwork(context.NetworkNamespace);
            using FileDescriptor probe = Sockets.Create(Sockets.AF_UNIX, Sockets.SOCK_DGRAM, 0);
            return Cookie(probe.Number);
        });
        return own.AsSpan().SequenceEqual(container) ? null : ("it belongs to a network namespace that is not the container's", "close it before the move");

        static byte[] Cookie(int fd)
        {
            byte[] cookie = new byte[8];
            Sockets.TryGet(fd, Sockets.SOL_SOCKET, SO_NETNS_COOKIE, cookie);
            return cookie;
        }
    }

    /// <param name="connected">A TCP connection: without what only matters before there is one.</param>
    public static SocketOptions Dump(OpenFile file, SocketScope kind, bool connected = false)
    {
        int fd = file.Fd.Number;
        SortedDictionary<string, long> numbers = new(StringComparer.Ordinal);
        SortedDictionary<string, byte[]> structures = new(StringComparer.Ordinal);
        Span<byte> value = stackalloc byte[64];
        foreach (SocketOption option in SocketOption.All)
        {
            if ((option.Scope & kind) == 0 || connected && BeforeConnectionOnly.Contains(option.Name)) continue;
            int length = (int)Sockets.TryGet(fd, option.Level, option.Number, value[..option.Length]);
            if (length <= 0) continue;
            if (!option.IsStructure)
            {
                long number = Number(value[..length]);
                if (number != option.Default) numbers.Add(option.Name, number);
            }
            else if (value[..length].ContainsAnyExcept((byte)0))
            {
                structures.Add(option.Name, value[..length].ToArray());
            }
        }
        Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SO_BUF_LOCK, out int bufferLock);
        Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SO_LOCK_FILTER, out int filterLocked);
        return new SocketOptions(numbers, structures, ReceiveBufferOf(fd), Sockets.GetInt(fd, Sockets.SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF"), bufferLock,
            DumpFilter(fd), filterLocked != 0, file.Stat.st_uid, file.Stat.st_gid);
    }

    public static int ReceiveBufferOf(int fd) => Sockets.GetInt(fd, Sockets.SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF");

    /// <summary>Sets what differs from what the new socket has by itself.</summary>
    /// <exception cref="EngineException">BadImage: the table does not know a name.</exception>
    public void Restore(int fd, SocketScope kind, SocketStage stage, bool exceptReuse = false)
    {
        Span<byte> value = stackalloc byte[64];
        foreach (SocketOption option in SocketOption.All)
        {
            if (option.Stage != stage || (option.Scope & kind) == 0 || exceptReuse && option.Name == "SO_REUSEADDR") continue;
            if (option.IsStructure)
            {
                if (!Structures.TryGetValue(option.Name, out byte[]? wanted)) continue;
                int length = (int)Sockets.TryGet(fd, option.Level, option.Number, value[..option.Length]);
                if (length == wanted.Length && value[..length].SequenceEqual(wanted)) continue;
                Sockets.Set(fd, option.Level, option.Number, wanted, option.Name);
            }
            else
            {
                // What is not carried has its default, and a new socket has that by itself.
                if (!Numbers.TryGetValue(option.Name, out long wanted)) continue;
                int length = (int)Sockets.TryGet(fd, option.Level, option.Number, value[..option.Length]);
                if (length > 0 && Number(value[..length]) == wanted) continue;
                BinaryPrimitives.WriteInt64LittleEndian(value, wanted);
                Sockets.Set(fd, option.Level, option.Number, value[..option.Length], option.Name);
            }
        }
        if (stage == SocketStage.Connected) Sockets.SetOwner(fd, Uid, Gid);
        if (stage != SocketStage.Thaw) return;
        RestoreBuffers(fd);
        if (Filter is not null) Sockets.AttachFilter(fd, Filter);
        if (FilterLocked) Sockets.SetInt(fd, Sockets.SOL_SOCKET, SO_LOCK_FILTER, 1, "SO_LOCK_FILTER");
    }

    /// <summary>Buffers large enough for restored queues, whatever the limits; <see cref="SocketStage.Thaw"/> sets the right ones.</summary>
    public void MakeRoom(int fd, int receiveBytes, int sendBytes)
    {
        // A queue's memory is counted with its overhead: several times its bytes when the messages are small.
        if (receiveBytes > 0) Sockets.SetInt(fd, Sockets.SOL_SOCKET, SO_RCVBUFFORCE, Math.Max(ReceiveBuffer, Room(receiveBytes)), "SO_RCVBUFFORCE");
        else SetReceiveBuffer(fd);
        if (sendBytes > 0) Sockets.SetInt(fd, Sockets.SOL_SOCKET, SO_SNDBUFFORCE, Math.Max(SendBuffer, Room(sendBytes)), "SO_SNDBUFFORCE");

        static int Room(int bytes) => (int)Math.Min(bytes * 4L + 65536, 1 << 29);
    }

    private void SetReceiveBuffer(int fd)
    {
        if (ReceiveBufferOf(fd) != ReceiveBuffer) Sockets.SetInt(fd, Sockets.SOL_SOCKET, SO_RCVBUFFORCE, ReceiveBuffer / 2, "SO_RCVBUFFORCE");
    }

    private void RestoreBuffers(int fd)
    {
        SetReceiveBuffer(fd);
        if (Sockets.GetInt(fd, Sockets.SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF") != SendBuffer)
            Sockets.SetInt(fd, Sockets.SOL_SOCKET, SO_SNDBUFFORCE, SendBuffer / 2, "SO_SNDBUFFORCE");
        // Setting a size locks it; a buffer that had grown by itself must go on to. Multipath TCP cannot, and then grows no more.
        long result = Sockets.TrySet(fd, Sockets.SOL_SOCKET, SO_BUF_LOCK, BitConverter.GetBytes(BufferLock));
        if (result != -Errno.EOPNOTSUPP) Result.Check(result, "setsockopt(SO_BUF_LOCK)");
    }

    private static byte[]? DumpFilter(int fd)
    {
        // Asked with no room, the kernel tells the number of instructions (8 bytes each).
        int count = (int)Sockets.TryGet(fd, Sockets.SOL_SOCKET, SO_GET_FILTER, []);
        if (count <= 0) return null;
        // The length is counted in instructions, too.
        byte[] program = new byte[count * 8];
        Result.Check(Sockets.TryGetCounted(fd, Sockets.SOL_SOCKET, SO_GET_FILTER, program, count), "getsockopt(SO_GET_FILTER)");
        return program;
    }

    private static long Number(ReadOnlySpan<byte> value) =>
        value.Length == 8 ? BinaryPrimitives.ReadInt64LittleEndian(value) : value.Length == 4 ? BinaryPrimitives.ReadInt32LittleEndian(value) : value[0];
}
