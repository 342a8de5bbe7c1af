using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>TCP sockets without a connection: new, bound, or listening (tcp(7), listen(2)).</summary>
public sealed class TcpListener : FileResource<TcpListener.Record>
{
    private const int TCP_FASTOPEN_KEY = 33;

    /// <param name="Local">Raw sockaddr; port 0 when not bound.</param>
    /// <param name="Backlog">Null when it does not listen.</param>
    /// <param name="FastOpenKey">Kept, so that the cookies which clients hold stay good.</param>
    public sealed record Record(SocketKind Socket, byte[] Local, int? Backlog, byte[]? FastOpenKey, SocketOptions Options);

    public override string Kind => "tcp-listener";

    public override bool Owns(OpenFile file) =>
        SocketKind.Of(file) is { IsTcp: true } or { IsMultipath: true } && TcpInfo.Of(file.Fd.Number).State switch
        {
            TcpState.Listen => true,
            // A closed socket that still knows its peer is the rest of a connection: TcpConnection's.
            TcpState.Close => TcpConnection.LastPeer(file.Fd.Number) is null,
            _ => false,
        };

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => SocketOptions.Refusal(file, context);

    /// <summary>Taking connections from the queue could not be undone if the move failed; leaving them would lose what their clients have sent.</summary>
    public override (string Reason, string Remedy)? Delays(OpenFile file, DumpContext context) => TcpInfo.Of(file.Fd.Number) is { State: TcpState.Listen, Backlog: > 0 and var waiting }
        ? ($"{waiting} connection(s) to {SocketAddressText.Describe(Sockets.Name(file.Fd.Number))} wait to be accepted", "let the program accept them")
        : null;

    public override Record Dump(OpenFile file, DumpContext context)
    {
        int fd = file.Fd.Number;
        SocketKind kind = SocketKind.Of(file)!.Value;
        TcpInfo info = TcpInfo.Of(fd);
        bool listens = info.State == TcpState.Listen;
        SocketOptions options = SocketOptions.Dump(file, kind.Scope);
        byte[]? key = null;
        if (options.Numbers.ContainsKey("TCP_FASTOPEN"))
        {
            byte[] buffer = new byte[32];
            int length = (int)Sockets.TryGet(fd, Sockets.IPPROTO_TCP, TCP_FASTOPEN_KEY, buffer);
            if (length > 0) key = buffer[..length];
        }
        return new Record(kind, Sockets.Name(fd), listens ? info.MaxBacklog : null, key, options);
    }

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        using NamespaceScope scope = NamespaceScope.EnterNetwork(context.NetworkNamespace);
        SocketKind kind = record.Socket;
        FileDescriptor socket = kind.Create();
        try
        {
            int fd = socket.Number;
            record.Options.Restore(fd, kind.Scope, SocketStage.BeforeBind);
            if (SocketAddressText.Port(kind.Checked(record.Local)) != 0) Sockets.Bind(fd, record.Local);
            record.Options.Restore(fd, kind.Scope, SocketStage.Connected);
            record.Options.Restore(fd, kind.Scope, SocketStage.Thaw);
            if (record.FastOpenKey is { } key) Sockets.Set(fd, Sockets.IPPROTO_TCP, TCP_FASTOPEN_KEY, key, "TCP_FASTOPEN_KEY");
            if (record.Backlog is { } backlog) Sockets.Listen(fd, backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
