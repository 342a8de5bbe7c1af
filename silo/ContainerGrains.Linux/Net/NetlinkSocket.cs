using System.Buffers.Binary;

namespace ContainerGrains.Linux.Net;

/// <summary>A netlink(7) socket of the network namespace in which it was opened, wherever its user goes. Not thread-safe.</summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    public const int NETLINK_ROUTE = 0, NETLINK_SOCK_DIAG = 4;
    private const int AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0x80000, SOL_NETLINK = 270, NETLINK_EXT_ACK = 11, NETLINK_CAP_ACK = 10;
    private const int NLMSG_ERROR = 2, NLMSG_DONE = 3, NLMSGERR_ATTR_MSG = 1, NLM_F_ACK_TLVS = 0x200;
    private const int HeaderLength = 16;
    // The kernel fills dumps up to 32 KiB a datagram when it is given the room.
    private readonly byte[] _receive = new byte[32768];
    private readonly FileDescriptor _fd;

    private NetlinkSocket(FileDescriptor fd) => _fd = fd;

    public static NetlinkSocket Open(int protocol)
    {
        var socket = new NetlinkSocket(new FileDescriptor(Kernel.Call("socket(AF_NETLINK)", Syscall.socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)));
        int on = 1;
        // Old kernels have neither; then errors come without their sentence.
        _ = Kernel.Raw(Syscall.setsockopt, socket._fd.Number, SOL_NETLINK, NETLINK_EXT_ACK, (long)(&on), 4);
        _ = Kernel.Raw(Syscall.setsockopt, socket._fd.Number, SOL_NETLINK, NETLINK_CAP_ACK, (long)(&on), 4);
        return socket;
    }

    /// <summary>Sends a batch whose messages all ask for NLM_F_ACK, and waits for every answer.</summary>
    /// <exception cref="LinuxException">The first message that failed.</exception>
    public void Execute(NetlinkBatch batch)
    {
        Send(batch);
        LinuxException? first = null;
        for (int waiting = batch.Names.Count; waiting > 0;)
        {
            ReadOnlySpan<byte> rest = Receive();
            while (NextMessage(ref rest, out ushort type, out ushort flags, out int sequence, out ReadOnlySpan<byte> payload))
            {
                if (type != NLMSG_ERROR || sequence < 1 || sequence > batch.Names.Count) continue;
                waiting--;
                first ??= Error(batch.Names[sequence - 1], flags, payload);
            }
        }
        if (first is not null) throw first;
    }

    public delegate void MessageHandler(ushort type, ReadOnlySpan<byte> payload);

    /// <summary>Sends one request with NLM_F_DUMP and hands over what comes, until the end mark.</summary>
    public void Dump(NetlinkBatch request, MessageHandler handler)
    {
        Send(request);
        while (true)
        {
            ReadOnlySpan<byte> rest = Receive();
            while (NextMessage(ref rest, out ushort type, out ushort flags, out _, out ReadOnlySpan<byte> payload))
            {
                if (type == NLMSG_DONE) return;
                if (type == NLMSG_ERROR && Error(request.Names[0], flags, payload) is { } error) throw error;
                if (type != NLMSG_ERROR) handler(type, payload);
            }
        }
    }

    /// <summary>Sends one request which is answered by one message.</summary>
    public void Query(NetlinkBatch request, MessageHandler handler)
    {
        Send(request);
        ReadOnlySpan<byte> rest = Receive();
        if (!NextMessage(ref rest, out ushort type, out ushort flags, out _, out ReadOnlySpan<byte> payload))
            throw new LinuxException(request.Names[0], Errno.EBADMSG);
        if (type == NLMSG_ERROR && Error(request.Names[0], flags, payload) is { } error) throw error;
        handler(type, payload);
    }

    public void Dispose() => _fd.Dispose();

    private void Send(NetlinkBatch batch)
    {
        fixed (byte* bytes = batch.Bytes)
            Kernel.Call("sendto(AF_NETLINK)", Syscall.sendto, _fd.Number, (long)bytes, batch.Bytes.Length);
    }

    private ReadOnlySpan<byte> Receive()
    {
        fixed (byte* bytes = _receive)
            return _receive.AsSpan(0, (int)Kernel.Call("recvfrom(AF_NETLINK)", Syscall.recvfrom, _fd.Number, (long)bytes, _receive.Length));
    }

    private static bool NextMessage(ref ReadOnlySpan<byte> rest, out ushort type, out ushort flags, out int sequence, out ReadOnlySpan<byte> payload)
    {
        type = flags = 0;
        sequence = 0;
        payload = default;
        if (rest.Length < HeaderLength) return false;
        int length = BinaryPrimitives.ReadInt32LittleEndian(rest);
        if (length < HeaderLength || length > rest.Length) return false;
        type = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
        flags = BinaryPrimitives.ReadUInt16LittleEndian(rest[6..]);
        sequence = BinaryPrimitives.ReadInt32LittleEndian(rest[8..]);
        payload = rest[HeaderLength..length];
        rest = rest[Math.Min((length + 3) & ~3, rest.Length)..];
        return true;
    }

    // struct nlmsgerr: the error, the request's header, and (NLM_F_ACK_TLVS) the kernel's own words.
    private static LinuxException? Error(string name, ushort flags, ReadOnlySpan<byte> payload)
    {
        int error = payload.Length >= 4 ? BinaryPrimitives.ReadInt32LittleEndian(payload) : -Errno.EBADMSG;
        if (error == 0) return null;
        string? words = null;
        if ((flags & NLM_F_ACK_TLVS) != 0 && payload.Length > 4 + HeaderLength)
        {
            var attributes = new NetlinkReader(payload[(4 + HeaderLength)..]);
            while (attributes.Next())
                if (attributes.Type == NLMSGERR_ATTR_MSG) words = attributes.Text;
        }
        return new LinuxException(name, -error, path: words);
    }
}
