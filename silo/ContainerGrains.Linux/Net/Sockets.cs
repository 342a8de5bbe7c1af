namespace ContainerGrains.Linux;

/// <summary>Calls on sockets of this process. Addresses are raw sockaddr bytes, so that nothing of them is lost.</summary>
public static unsafe class Sockets
{
    public const int AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17;
    public const int SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000;
    public const int IPPROTO_IP = 0, IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41, IPPROTO_UDPLITE = 136, IPPROTO_RAW = 255, IPPROTO_MPTCP = 262;
    public const int SOL_SOCKET = 1, SOL_NETLINK = 270;
    public const int MSG_OOB = 1, MSG_PEEK = 2, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000;
    public const int SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2;
    public const short POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 0x10, POLLRDHUP = 0x2000;
    public const int FIONREAD = 0x541B, SIOCOUTQ = 0x5411, SIOCOUTQNSD = 0x894B;

    public static FileDescriptor Create(int domain, int type, int protocol) =>
        new(Kernel.Call("socket", Syscall.socket, domain, type | SOCK_CLOEXEC, protocol));

    public static (FileDescriptor First, FileDescriptor Second) Pair(int domain, int type, int protocol)
    {
        int* pair = stackalloc int[2];
        Kernel.Call("socketpair", Syscall.socketpair, domain, type | SOCK_CLOEXEC, protocol, (long)pair);
        return (new FileDescriptor(pair[0]), new FileDescriptor(pair[1]));
    }

    public static void Bind(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* p = address)
            Kernel.Call("bind", Syscall.bind, fd, (long)p, address.Length, path: SocketAddressText.Describe(address));
    }

    public static void Connect(int fd, ReadOnlySpan<byte> address) =>
        Result.Check(TryConnect(fd, address), "connect", path: SocketAddressText.Describe(address));

    /// <summary>0 or -errno.</summary>
    public static long TryConnect(int fd, ReadOnlySpan<byte> address)
    {
        fixed (byte* p = address)
            return Kernel.Raw(Syscall.connect, fd, (long)p, address.Length);
    }

    public static void Listen(int fd, int backlog) => Kernel.Call("listen", Syscall.listen, fd, backlog);

    public static FileDescriptor Accept(int fd) => new(Kernel.Call("accept4", Syscall.accept4, fd, 0, 0, SOCK_CLOEXEC));

    public static void Shutdown(int fd, int how) => Kernel.Call("shutdown", Syscall.shutdown, fd, how);

    public static byte[] Name(int fd)
    {
        byte* buffer = stackalloc byte[128];
        int length = 128;
        Kernel.Call("getsockname", Syscall.getsockname, fd, (long)buffer, (long)(&length));
        return new ReadOnlySpan<byte>(buffer, Math.Min(length, 128)).ToArray();
    }

    /// <summary>Null when it has no peer.</summary>
    public static byte[]? PeerName(int fd)
    {
        byte* buffer = stackalloc byte[128];
        int length = 128;
        long result = Kernel.Raw(Syscall.getpeername, fd, (long)buffer, (long)(&length));
        if (result is -Errno.ENOTCONN) return null;
        Result.Check(result, "getpeername");
        return new ReadOnlySpan<byte>(buffer, Math.Min(length, 128)).ToArray();
    }

    /// <summary>Length of the value, or -errno.</summary>
    public static long TryGet(int fd, int level, int option, Span<byte> value) => TryGetCounted(fd, level, option, value, value.Length);

    /// <summary>As <see cref="TryGet"/>, for options whose length is not counted in bytes.</summary>
    public static long TryGetCounted(int fd, int level, int option, Span<byte> value, int length)
    {
        fixed (byte* p = value)
        {
            long result = Kernel.Raw(Syscall.getsockopt, fd, level, option, (long)p, (long)(&length));
            return result < 0 ? result : length;
        }
    }

    /// <summary>False when the socket has no such option.</summary>
    public static bool TryGetInt(int fd, int level, int option, out int value)
    {
        int result = 0, length = 4;
        bool found = Kernel.Raw(Syscall.getsockopt, fd, level, option, (long)(&result), (long)(&length)) >= 0;
        value = result;
        return found;
    }

    public static int GetInt(int fd, int level, int option, string name)
    {
        int value = 0, length = 4;
        Kernel.Call($"getsockopt({name})", Syscall.getsockopt, fd, level, option, (long)(&value), (long)(&length));
        return value;
    }

    public static void Set(int fd, int level, int option, ReadOnlySpan<byte> value, string name) =>
        Result.Check(TrySet(fd, level, option, value), $"setsockopt({name})");

    public static void SetInt(int fd, int level, int option, int value, string name) =>
        Kernel.Call($"setsockopt({name})", Syscall.setsockopt, fd, level, option, (long)(&value), 4);

    /// <summary>0 or -errno.</summary>
    public static long TrySet(int fd, int level, int option, ReadOnlySpan<byte> value)
    {
        fixed (byte* p = value)
            return Kernel.Raw(Syscall.setsockopt, fd, level, option, (long)p, value.Length);
    }

    /// <summary>Attaches a classic filter (array of struct sock_filter).</summary>
    public static void AttachFilter(int fd, ReadOnlySpan<byte> program)
    {
        fixed (byte* p = program)
        {
            long* fprog = stackalloc long[2];
            fprog[0] = program.Length / 8;
            fprog[1] = (long)p;
            Kernel.Call("setsockopt(SO_ATTACH_FILTER)", Syscall.setsockopt, fd, SOL_SOCKET, 26, (long)fprog, 16);
        }
    }

    /// <summary>An ioctl that gives one int: SIOCOUTQ, FIONREAD.</summary>
    public static int GetIoctl(int fd, int request, string name)
    {
        int value = 0;
        Kernel.Call($"ioctl({name})", Syscall.ioctl, fd, request, (long)(&value));
        return value;
    }

    /// <summary>Bytes received, or -errno.</summary>
    public static long TryReceive(int fd, Span<byte> buffer, int flags)
    {
        fixed (byte* p = buffer)
            return Kernel.Raw(Syscall.recvfrom, fd, (long)p, buffer.Length, flags, 0, 0);
    }

    /// <summary>Bytes sent, or -errno.</summary>
    public static long TrySend(int fd, ReadOnlySpan<byte> data, int flags)
    {
        fixed (byte* p = data)
            return Kernel.Raw(Syscall.sendto, fd, (long)p, data.Length, flags | MSG_NOSIGNAL, 0, 0);
    }

    /// <summary>Sends all of it, or throws; never waits.</summary>
    public static void SendAll(int fd, ReadOnlySpan<byte> data, int chunk, string what)
    {
        while (data.Length > 0)
        {
            long sent = Result.Check(TrySend(fd, data[..Math.Min(chunk, data.Length)], MSG_DONTWAIT), what);
            data = data[(int)sent..];
        }
    }

    /// <summary>What recvmsg told: lengths of data, sender's address and control data, and msg_flags.</summary>
    public readonly record struct Received(long Length, int NameLength, int ControlLength, int Flags);

    /// <summary>recvmsg with one buffer; <see cref="Received.Length"/> is -errno when it failed.</summary>
    public static Received TryReceiveMessage(int fd, Span<byte> buffer, Span<byte> name, Span<byte> control, int flags)
    {
        fixed (byte* data = buffer, from = name, extra = control)
        {
            long* iov = stackalloc long[2] { (long)data, buffer.Length };
            long* header = stackalloc long[7] { (long)from, name.Length, (long)iov, 1, (long)extra, control.Length, 0 };
            long length = Kernel.Raw(Syscall.recvmsg, fd, (long)header, flags);
            return new Received(length, (int)header[1], (int)header[5], (int)header[6]);
        }
    }

    /// <summary>sendmsg with one buffer: bytes sent, or -errno. Empty address and control data mean none.</summary>
    public static long TrySendMessage(int fd, ReadOnlySpan<byte> buffer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> control, int flags)
    {
        fixed (byte* data = buffer, to = name, extra = control)
        {
            long* iov = stackalloc long[2] { (long)data, buffer.Length };
            long* header = stackalloc long[7] { (long)to, name.Length, (long)iov, 1, (long)extra, control.Length, 0 };
            return Kernel.Raw(Syscall.sendmsg, fd, (long)header, flags | MSG_NOSIGNAL);
        }
    }

    /// <summary>Events of a descriptor, at once or within a time (milliseconds).</summary>
    public static short Poll(int fd, short events, int timeoutMs = 0)
    {
        long entry = (uint)fd | ((long)(ushort)events << 32);
        Kernel.Call("poll", Syscall.poll, (long)(&entry), 1, timeoutMs);
        return (short)(entry >> 48);
    }

    /// <summary>Gives the socket's inode, and by it the socket, an owner (sk_uid).</summary>
    public static void SetOwner(int fd, uint uid, uint gid) => Kernel.Call("fchown", Syscall.fchown, fd, uid, gid);
}
