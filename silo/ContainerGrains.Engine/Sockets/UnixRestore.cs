using ContainerGrains.Linux;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Engine;

/// <summary>
/// The unix sockets of a container while it is restored. Each is made with its name when its room is asked; when all exist,
/// <see cref="Complete"/> fills the queues, connects datagram sockets and those that wait to be accepted, closes the other ends
/// of orphans, and shuts down, in that order, for all of them together.
/// </summary>
internal sealed class UnixRestore
{
    // What one sender may have unread at its receivers; a limit, nothing is set aside for it.
    private const int UnreadBytesLimit = 1 << 26;
    private readonly RestoreContext _context;
    private readonly UnixActors _actors;
    private readonly Dictionary<int, Made> _made = [];
    private readonly Dictionary<int, FileDescriptor> _otherEnds = [];
    private readonly List<string> _attics = [];
    private readonly List<FileDescriptor> _atticRoots = [];
    private bool _complete;

    private UnixRestore(RestoreContext context)
    {
        _context = context;
        _actors = new UnixActors(context);
    }

    public static UnixRestore Of(RestoreContext context) => context.Once(typeof(UnixRestore), () => new UnixRestore(context));

    /// <param name="Root">Below which its path name was bound.</param>
    private sealed record Made(UnixRecord Record, int Fd, FileDescriptor? Root);

    public FileDescriptor Make(UnixRecord record, FileRecord file)
    {
        if (record.Socket.Domain != Linux.Sockets.AF_UNIX || record.Messages.Any(m => m.Length < 0) || record.Messages.Sum(m => (long)m.Length) != (record.Data is { } data ? _context.Blob(data).Length : 0))
            throw BadImage(file.Stage(), "the record contradicts itself");
        record.Socket.Checked(record.Name);
        using NamespaceScope scope = NamespaceScope.EnterNetwork(_context.NetworkNamespace);
        FileDescriptor socket = Create(record, file);
        try
        {
            int fd = socket.Number;
            record.Options.MakeRoom(fd, 0, UnreadBytesLimit);
            FileDescriptor? root = null;
            bool accepted = record.Role == UnixRole.Accepted || record is { Role: UnixRole.Orphan, AcceptedName: not null };
            if (!UnixAddress.IsUnnamed(record.Name) && !accepted) root = Bind(fd, record.Name, record.NameFile, file.Stage());
            if (record.Role == UnixRole.Listening) _actors.Listen(record.Caller, fd, record.Backlog ?? 0);
            _made.Add(file.Id, new Made(record, fd, root));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private FileDescriptor Create(UnixRecord record, FileRecord file)
    {
        switch (record.Role)
        {
            case UnixRole.Orphan:
                (FileDescriptor other, FileDescriptor mine) = record.AcceptedName is null ? _actors.Pair(record.Caller, record.Socket) : Accept(record, file.Stage());
                record.Options.MakeRoom(other.Number, 0, UnreadBytesLimit);
                _otherEnds.Add(file.Id, other);
                return mine;
            // Whoever comes first makes both ends; the second finds its own.
            case UnixRole.Pair or UnixRole.Client or UnixRole.Accepted when record.Peer is { } peer:
                if (_otherEnds.Remove(file.Id, out FileDescriptor? end)) return end;
                (FileDescriptor first, FileDescriptor second) = record.Role == UnixRole.Pair
                    ? _actors.Pair(record.Caller, record.Socket)
                    : Accept(record, file.Stage());
                (FileDescriptor own, FileDescriptor others) = record.Role == UnixRole.Accepted ? (second, first) : (first, second);
                if (!_otherEnds.TryAdd(peer, others)) throw BadImage(file.Stage(), $"file {peer} has two other ends");
                return own;
            case UnixRole.Pair or UnixRole.Client or UnixRole.Accepted:
                throw BadImage(file.Stage(), "a connected socket names no peer");
            default:
                return record.Socket.Create();
        }
    }

    // Connects through the listener, so that the accepted end has its name; through one for the moment when it is gone.
    private (FileDescriptor Client, FileDescriptor Accepted) Accept(UnixRecord record, string stage)
    {
        FileDescriptor? temporary = null;
        try
        {
            byte[] name;
            int listener;
            FileDescriptor? root;
            string? directory = null;
            if (record.Listener is { } id)
            {
                if (!_made.TryGetValue(id, out Made? made)) throw BadImage(stage, $"file {id} is no listener of the image");
                (name, listener, root, directory) = (made.Record.Name, made.Fd, made.Root, made.Record.NameFile?.Directory);
            }
            else
            {
                name = record.Socket.Checked(record.AcceptedName ?? throw BadImage(stage, "a connection names no listener"));
                temporary = record.Socket.Create();
                listener = temporary.Number;
                root = Bind(listener, name, new UnixNameFile(null, Alive: false, 0, 0, 0), stage);
                _actors.Listen(record.ListenerCaller, listener, 1);
            }
            FileDescriptor client = record.Socket.Create();
            _actors.Connect(record.Caller, client.Number, name, root, directory);
            return (client, Linux.Sockets.Accept(listener));
        }
        finally
        {
            temporary?.Dispose();
        }
    }

    /// <summary>Binds a name; returns the root below which a path was bound. A path that no longer led to the socket does not now.</summary>
    private FileDescriptor? Bind(int fd, byte[] name, UnixNameFile? file, string stage)
    {
        if (!UnixAddress.IsPath(name))
        {
            Linux.Sockets.Bind(fd, name);
            return null;
        }
        string path = UnixAddress.Path(name);
        string? directory = file?.Directory;
        if (file is { Alive: true })
        {
            string full = path.StartsWith('/') ? path : $"{directory}/{path}";
            RemoveDead(full, stage);
            Result.Check(UnixNames.TryBind(fd, name, _context.Root, directory), "bind", path: path);
            using FileDescriptor bound = Linux.Files.OpenInRoot(_context.Root, full, Linux.Files.O_PATH | Linux.Files.O_NOFOLLOW);
            string own = $"/proc/self/fd/{bound.Number}";
            UnixFiles.SetOwnerAndMode(own, file.Uid, file.Gid, file.Mode);
            return _context.Root;
        }
        string attic = $"{_context.Directory}/.unix-{Guid.NewGuid():N}";
        _attics.Add(attic);
        string place = attic + Path.GetFullPath(path, directory ?? "/");
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        FileDescriptor root = Linux.Files.Open(attic, Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        _atticRoots.Add(root);
        Result.Check(UnixNames.TryBind(fd, name, root, directory), "bind", path: path);
        // Whoever is to connect may have other ids than we.
        UnixFiles.SetOwnerAndMode(place, 0, 0, 0x1FF);
        return root;
    }

    // The file of the socket that was: it came with the root file system, and nobody answers there.
    private void RemoveDead(string path, string stage)
    {
        if (ContainerPath.Stat(_context.Root, path) is not { } stat) return;
        if (stat.Type != FileStat.S_IFSOCK) throw new EngineException(EngineError.FileMismatch, stage, $"{path} is no socket here; the same root file system and volumes must be on this host");
        using FileDescriptor parent = Linux.Files.OpenInRoot(_context.Root, Path.GetDirectoryName(path) ?? "/", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        Result.Check(DirectoryCalls.TryUnlink(parent.Number, System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path))), "unlink", path: path);
    }

    /// <summary>Does what needs all sockets; the first of the rooms' calls does it for all.</summary>
    public void Complete()
    {
        if (_complete) return;
        _complete = true;
        using NamespaceScope scope = NamespaceScope.EnterNetwork(_context.NetworkNamespace);
        try
        {
            Join();
        }
        finally
        {
            foreach (FileDescriptor root in _atticRoots) root.Dispose();
            foreach (string attic in _attics) System.IO.Directory.Delete(attic, recursive: true);
        }
    }

    private void Join()
    {
        foreach ((int id, Made made) in _made) SendUnread(id, made);
        foreach (Made made in _made.Values.Where(m => m.Record is { Role: UnixRole.Single, PeerName: not null })) ConnectTo(made, made.Record.PeerName!);
        foreach (Made listener in _made.Values.Where(m => m.Record.Role == UnixRole.Listening))
            foreach (int client in listener.Record.Pending)
            {
                if (!_made.TryGetValue(client, out Made? pending)) throw BadImage("restore: unix sockets", $"file {client} waits to be accepted but is not there");
                _actors.Connect(pending.Record.Caller, pending.Fd, listener.Record.Name, listener.Root, listener.Record.NameFile?.Directory);
            }
        foreach ((int id, FileDescriptor other) in _otherEnds)
        {
            if (!_made.ContainsKey(id)) throw BadImage("restore: unix sockets", $"file {id} is the other end of one, but is not there");
            // An end that is closed with something unread resets the other.
            if (_made[id].Record.Reset) Result.Check(Linux.Sockets.TrySend(_made[id].Fd, [0], Linux.Sockets.MSG_DONTWAIT), "send");
            other.Dispose();
        }
        foreach (Made made in _made.Values)
        {
            if (made.Record.Role != UnixRole.Orphan && made.Record.Shutdown is > 0 and <= 3) Linux.Sockets.Shutdown(made.Fd, made.Record.Shutdown - 1);
            made.Record.Options.Restore(made.Fd, SocketScope.Unix, SocketStage.BeforeBind);
            made.Record.Options.Restore(made.Fd, SocketScope.Unix, SocketStage.Connected);
            made.Record.Options.Restore(made.Fd, SocketScope.Unix, SocketStage.Thaw);
        }
    }

    // From the other end; a datagram that was sent by name, from the socket with that name, or from one without.
    private void SendUnread(int id, Made receiver)
    {
        UnixRecord record = receiver.Record;
        if (record.Messages.Count == 0) return;
        ReadOnlySpan<byte> data = record.Data is { } blob ? _context.Blob(blob) : [];
        int? peer = _otherEnds.TryGetValue(id, out FileDescriptor? other) ? other.Number
            : record.Peer is { } p && record.Role != UnixRole.Single && _made.TryGetValue(p, out Made? made) ? made.Fd
            : null;
        FileDescriptor? nobody = null;
        try
        {
            foreach (UnixMessage message in record.Messages)
            {
                byte[] control = _actors.Control(message.Credentials);
                ReadOnlySpan<byte> bytes = data[..message.Length];
                data = data[message.Length..];
                if (peer is { } end)
                {
                    SendAll(end, bytes, control, record.Socket.Type == Linux.Sockets.SOCK_STREAM);
                    continue;
                }
                Made? named = message.From is null ? null : _made.Values.FirstOrDefault(m => m.Record.Socket.Type == record.Socket.Type && m.Record.Name.AsSpan().SequenceEqual(message.From));
                if (named is null)
                {
                    nobody ??= record.Socket.Create();
                    record.Options.MakeRoom(nobody.Number, 0, UnreadBytesLimit);
                }
                int sender = named?.Fd ?? nobody!.Number;
                // Not by connecting it: that would drop what the sender has unread itself when it is disconnected.
                long sent = receiver.Root is null
                    ? Linux.Sockets.TrySendMessage(sender, bytes, record.Name, control, Linux.Sockets.MSG_DONTWAIT)
                    : UnixNames.TrySendMessage(sender, bytes, record.Name, control, Linux.Sockets.MSG_DONTWAIT, receiver.Root, record.NameFile?.Directory);
                Result.Check(sent, "sendmsg(unread datagram)", path: SocketAddressText.Describe(record.Name));
            }
        }
        finally
        {
            nobody?.Dispose();
        }
    }

    private static void SendAll(int fd, ReadOnlySpan<byte> data, byte[] control, bool stream)
    {
        do
        {
            ReadOnlySpan<byte> part = stream ? data[..Math.Min(data.Length, 32768)] : data;
            long sent = Result.Check(Linux.Sockets.TrySendMessage(fd, part, [], control, Linux.Sockets.MSG_DONTWAIT), "sendmsg(unread data)");
            data = data[(int)sent..];
        }
        while (data.Length > 0);
    }

    private void ConnectTo(Made socket, byte[] name)
    {
        Made target = _made.Values.FirstOrDefault(m => m.Record.Role is UnixRole.Single or UnixRole.Pair && m.Record.Name.AsSpan().SequenceEqual(name))
            ?? throw BadImage("restore: unix sockets", $"no socket is named {SocketAddressText.Describe(name)}");
        if (target.Root is null) Linux.Sockets.Connect(socket.Fd, name);
        else Result.Check(UnixNames.TryConnect(socket.Fd, name, target.Root, target.Record.NameFile?.Directory), "connect", path: SocketAddressText.Describe(name));
    }

    private static EngineException BadImage(string stage, string reason) => new(EngineError.BadImage, stage, $"{reason}; take a new checkpoint");
}
