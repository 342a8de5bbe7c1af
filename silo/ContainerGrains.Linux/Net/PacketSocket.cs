using System.Buffers.Binary;

namespace ContainerGrains.Linux.Net;

/// <summary>
/// Raw frames of one interface; packet(7). A frame here begins with struct virtio_net_hdr (PACKET_VNET_HDR): unfinished
/// checksums and segments larger than the MTU stay right on their way through it.
/// </summary>
internal sealed unsafe class PacketSocket : IDisposable
{
    /// <summary>Length of struct virtio_net_hdr, bytes; all 0 for a finished frame.</summary>
    public const int VnetHeaderLength = 10;

    private const int AF_PACKET = 17, SOCK_RAW = 3, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000, SOL_SOCKET = 1, SO_RCVBUFFORCE = 33, SO_ATTACH_BPF = 50,
        SOL_PACKET = 263, PACKET_VNET_HDR = 15, PACKET_QDISC_BYPASS = 20, MSG_TRUNC = 0x20, ETH_P_ALL = 3, SockaddrLength = 20, MaxSendAttempts = 1000;
    private readonly FileDescriptor _fd;
    private readonly int _linkIndex;

    private PacketSocket(FileDescriptor fd, int linkIndex)
    {
        _fd = fd;
        _linkIndex = linkIndex;
    }

    /// <summary>Opens it in the calling thread's network namespace. It sends; it receives nothing before <see cref="Listen"/>.</summary>
    public static PacketSocket Open(int linkIndex)
    {
        long fd = Kernel.Call("socket(AF_PACKET)", Syscall.socket, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        var socket = new PacketSocket(new FileDescriptor(fd), linkIndex);
        socket.Set("PACKET_VNET_HDR", SOL_PACKET, PACKET_VNET_HDR, 1);
        socket.Set("PACKET_QDISC_BYPASS", SOL_PACKET, PACKET_QDISC_BYPASS, 1);
        return socket;
    }

    /// <summary>Receives what <paramref name="filter"/> keeps, up to <paramref name="bufferBytes"/> of kernel memory; what comes after is lost.</summary>
    public void Listen(FileDescriptor filter, int bufferBytes)
    {
        Set("SO_RCVBUFFORCE", SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes);
        Set("SO_ATTACH_BPF", SOL_SOCKET, SO_ATTACH_BPF, filter.Number);
        byte* address = stackalloc byte[SockaddrLength];
        WriteAddress(new Span<byte>(address, SockaddrLength), ETH_P_ALL);
        Kernel.Call("bind(AF_PACKET)", Syscall.bind, _fd.Number, (long)address, SockaddrLength);
    }

    /// <summary>Length of the next frame; 0 when there is none. A frame longer than the buffer is dropped.</summary>
    public int Receive(Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                long length = Kernel.Raw(Syscall.recvfrom, _fd.Number, (long)p, buffer.Length, MSG_TRUNC);
                // ENETDOWN is said once, when the interface went down since; what came before it is still there.
                if (length is -Errno.EINTR or -Errno.ENETDOWN || length > buffer.Length) continue;
                return length == -Errno.EAGAIN ? 0 : (int)Result.Check(length, "recvfrom(AF_PACKET)");
            }
        }
    }

    /// <summary>Sends one frame out of the interface; false when the kernel dropped it, as any network may.</summary>
    /// <exception cref="LinuxException">The frame or the interface is wrong.</exception>
    public bool Send(ReadOnlySpan<byte> frame)
    {
        byte* address = stackalloc byte[SockaddrLength];
        WriteAddress(new Span<byte>(address, SockaddrLength), 0);
        fixed (byte* p = frame)
        {
            for (int attempt = 0; ; attempt++)
            {
                long sent = Kernel.Raw(Syscall.sendto, _fd.Number, (long)p, frame.Length, 0, (long)address, SockaddrLength);
                if (sent == -Errno.EINTR) continue;
                // A pair's other end takes 256 frames at a time, and says ENETDOWN, as if the interface were down, when it has them.
                bool full = sent is -Errno.ENOBUFS or -Errno.EAGAIN or -Errno.ENETDOWN;
                if (!full) return Result.Check(sent, "sendto(AF_PACKET)") >= 0;
                if (attempt == MaxSendAttempts) return false;
                Thread.Yield();
            }
        }
    }

    /// <summary>Closes it on another thread: the kernel waits for its readers (tens of milliseconds), and the caller may be inside a freeze.</summary>
    public void DisposeLater() => ThreadPool.UnsafeQueueUserWorkItem(static fd => fd.Dispose(), _fd, preferLocal: false);

    public void Dispose() => _fd.Dispose();

    private void Set(string name, int level, int option, int value) =>
        Kernel.Call($"setsockopt({name})", Syscall.setsockopt, _fd.Number, level, option, (long)(&value), 4);

    // struct sockaddr_ll
    private void WriteAddress(Span<byte> address, ushort protocol)
    {
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_PACKET);
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], protocol);
        BinaryPrimitives.WriteInt32LittleEndian(address[4..], _linkIndex);
        address[11] = 6;
        address[12..18].Fill(0xff);
    }
}
