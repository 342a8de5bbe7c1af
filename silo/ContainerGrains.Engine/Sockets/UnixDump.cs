using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using ContainerGrains.Linux;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>The unix sockets of a container while it is dumped: who is connected to whom.</summary>
internal sealed class UnixDump
{
    private const int SO_PASSCRED = 16, SO_PEERCRED = 17;
    private readonly DumpContext _context;
    private readonly Dictionary<ulong, UnixSocketInfo> _sockets = [];
    private readonly List<(OpenFile File, byte[] Name, UnixSocketInfo Info)> _listeners = [];

    private UnixDump(DumpContext context)
    {
        _context = context;
        using (NamespaceScope.EnterNetwork(context.NetworkNamespace))
        using (SocketDiagnostics diagnostics = SocketDiagnostics.Open())
        {
            foreach (UnixSocketInfo socket in diagnostics.Unix()) _sockets.TryAdd(socket.Inode, socket);
        }
        foreach (OpenFile file in context.OpenFiles)
            if (SocketKind.Of(file) is { Domain: Linux.Sockets.AF_UNIX } && SocketKind.IsListening(file.Fd.Number) && Info(file) is { } info)
                _listeners.Add((file, Linux.Sockets.Name(file.Fd.Number), info));
    }

    public static UnixDump Of(DumpContext context) => context.Once(typeof(UnixDump), () => new UnixDump(context));

    public UnixSocketInfo? Info(OpenFile file) => _sockets.GetValueOrDefault(file.Stat.st_ino & uint.MaxValue);

    public OpenFile? FileOf(OpenFile beside, uint inode) => inode == 0 ? null : _context.FileByInode(beside.Stat.st_dev, inode);

    /// <summary>The listener in whose queue a client waits; outside: it is not the container's.</summary>
    public OpenFile? WaitsAt(uint inode, out bool outside)
    {
        OpenFile? file = _listeners.FirstOrDefault(l => l.Info.PendingInodes.Contains(inode)).File;
        outside = file is null && _sockets.Values.Any(s => s.PendingInodes.Contains(inode));
        return file;
    }

    public OpenFile? ListenerNamed(byte[] name, OpenFile except) =>
        UnixAddress.IsUnnamed(name) ? null : _listeners.FirstOrDefault(l => l.File != except && l.Name.AsSpan().SequenceEqual(name)).File;

    /// <summary>Whether a socket has sent what nobody has received yet. Of an end that waits to be accepted only its client can tell.</summary>
    public static bool HasSent(OpenFile file) => Linux.Sockets.GetIoctl(file.Fd.Number, Linux.Sockets.SIOCOUTQ, "SIOCOUTQ") > 0;

    /// <summary>Whether messages that nobody has received yet bring descriptors: fdinfo counts them.</summary>
    public static bool HoldsDescriptors(OpenFile file) =>
        ProcFields.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{file.Fd.Number}")) is var info && info.Has("scm_fds") && info.Int32("scm_fds") > 0;

    public UnixNameFile? NameFile(OpenFile file, byte[] name)
    {
        if (!UnixAddress.IsPath(name)) return null;
        string path = UnixAddress.Path(name);
        string? directory = path.StartsWith('/') ? null : Linux.Files.ReadLink($"/proc/{file.Owner.Pid}/cwd");
        FileStat? found = ContainerPath.Stat(_context.Root, directory is null ? path : $"{directory}/{path}");
        bool alive = found is { Type: FileStat.S_IFSOCK } f && (uint)f.st_ino == Info(file)?.FileInode;
        return new UnixNameFile(directory, alive, alive ? found!.Value.st_mode & 0xFFF : 0x1FF, found?.st_uid ?? 0, found?.st_gid ?? 0);
    }

    public UnixCredentials? Credentials(int fd)
    {
        byte[] credentials = new byte[12];
        return Linux.Sockets.TryGet(fd, Linux.Sockets.SOL_SOCKET, SO_PEERCRED, credentials) == 12 ? Credentials(credentials) : null;
    }

    /// <summary>Effective ids of a process: "Uid: real effective saved fs".</summary>
    public static UnixCredentials Identity(TaskDump task) => new(task.VirtualPid, (uint)task.Status.Int32s("Uid")[1], (uint)task.Status.Int32s("Gid")[1]);

    // struct ucred; a process that set none has (0, -1, -1).
    private UnixCredentials? Credentials(ReadOnlySpan<byte> ucred)
    {
        int pid = BinaryPrimitives.ReadInt32LittleEndian(ucred);
        uint uid = BinaryPrimitives.ReadUInt32LittleEndian(ucred[4..]), gid = BinaryPrimitives.ReadUInt32LittleEndian(ucred[8..]);
        return uid == uint.MaxValue ? null : new UnixCredentials(_context.VirtualPid(pid) ?? 0, uid, gid);
    }

    /// <summary>All unread messages, none taken.</summary>
    /// <exception cref="EngineException">NotCarried: descriptors are among them.</exception>
    public (List<UnixMessage> Messages, byte[] Data) Queue(OpenFile file, SocketKind kind, bool ended)
    {
        int fd = file.Fd.Number;
        Linux.Sockets.TryGetInt(fd, Linux.Sockets.SOL_SOCKET, SO_PASSCRED, out int passCredentials);
        // Stream and seqpacket: bytes in the queue. An empty queue is not asked, which would take a pending error away.
        int total = kind.Type == Linux.Sockets.SOCK_DGRAM ? 0 : Linux.Sockets.GetIoctl(fd, Linux.Sockets.FIONREAD, "FIONREAD");
        if (total == 0 && (kind.Type == Linux.Sockets.SOCK_STREAM || ended)) return ([], []);

        byte[] buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
        try
        {
            while (true)
            {
                if (TryQueue(file, kind, ended, passCredentials != 0, total, buffer) is { } queue) return queue;
                int length = checked(buffer.Length * 4);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = ArrayPool<byte>.Shared.Rent(length);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Null: a message is longer than the buffer.
    private (List<UnixMessage>, byte[])? TryQueue(OpenFile file, SocketKind kind, bool ended, bool passCredentials, int total, byte[] buffer)
    {
        List<UnixMessage> messages = [];
        using var data = new MemoryStream();
        Span<byte> from = stackalloc byte[112], control = stackalloc byte[32];
        using var peek = new PeekOffset(file.Fd.Number, 0);
        while (!ended || data.Length < total)
        {
            // Room for the credentials, which come first, or for nothing: then descriptors do not fit, and MSG_CTRUNC tells of them.
            Linux.Sockets.Received got = Linux.Sockets.TryReceiveMessage(file.Fd.Number, buffer, from, control[..(passCredentials ? 32 : 0)],
                Linux.Sockets.MSG_PEEK | Linux.Sockets.MSG_DONTWAIT);
            if (got.Length == -Errno.EAGAIN) break;
            Result.Check(got.Length, "recvmsg(MSG_PEEK)");
            if (got.Length == 0 && kind.Type == Linux.Sockets.SOCK_STREAM) break;
            if ((got.Flags & Linux.Sockets.MSG_TRUNC) != 0) return null;
            if ((got.Flags & Linux.Sockets.MSG_CTRUNC) != 0)
                throw new EngineException(EngineError.NotCarried, $"dump: {file.Owner.Title} {file.Title}",
                    "descriptors (SCM_RIGHTS) wait in its queue; let the program receive them");
            data.Write(buffer, 0, (int)got.Length);
            // cmsghdr: length 8, level 4, type 4, then struct ucred.
            UnixCredentials? credentials = got.ControlLength >= 28 ? Credentials(control.Slice(16, 12)) : null;
            messages.Add(new UnixMessage((int)got.Length, got.NameLength > 2 ? from[..got.NameLength].ToArray() : null, credentials));
        }
        return (messages, data.ToArray());
    }
}
