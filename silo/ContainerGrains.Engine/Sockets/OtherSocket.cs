using System.Text.Json.Nodes;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Sockets that no other room carries: refused, with what each is and what helps.</summary>
public sealed class OtherSocket : FileResource<JsonObject>
{
    private const int AF_BLUETOOTH = 31, AF_ALG = 38, AF_VSOCK = 40, AF_XDP = 44, IPPROTO_SCTP = 132;

    public override string Kind => "other-socket";

    public override bool Owns(OpenFile file) => file.Stat.Type == FileStat.S_IFSOCK;

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => SocketKind.Of(file) switch
    {
        { Domain: Linux.Sockets.AF_PACKET } => ("packet sockets see this host's frames", "stop the capture"),
        { Domain: AF_VSOCK } => ("vsock connections end in this host's hypervisor", "use TCP"),
        { Domain: AF_ALG } => ("the keys of a kernel crypto socket cannot be read", "let the program encrypt by itself"),
        { Domain: AF_XDP } => ("XDP sockets share rings with this host's interface", "use ordinary sockets"),
        { Domain: AF_BLUETOOTH } => ("Bluetooth belongs to this host's radio", "close it before the move"),
        { Protocol: Linux.Sockets.IPPROTO_MPTCP } => ("Multipath TCP connections are not carried", "use plain TCP (Go programs: GODEBUG=multipathtcp=0)"),
        { Protocol: IPPROTO_SCTP } => ("SCTP is not carried", "use TCP"),
        { IsInet: true, Type: Linux.Sockets.SOCK_RAW } => ("raw sockets are not carried", "close it before the move"),
        { IsInet: true, Protocol: Linux.Sockets.IPPROTO_ICMP or 58 } => ("ping sockets are not carried", "move again when the ping has ended"),
        { } kind => ($"sockets of family {kind.Domain}, type {kind.Type}, protocol {kind.Protocol} are not carried", "close it before the move"),
        null => ("the kernel does not tell what socket it is", "close it before the move"),
    };

    public override JsonObject Dump(OpenFile file, DumpContext context)
    {
        (string reason, string remedy) = Refuses(file, context)!.Value;
        throw new EngineException(EngineError.NotCarried, $"dump: {file.Owner.Title} {file.Title}", $"{reason}; {remedy}");
    }

    public override FileDescriptor Restore(JsonObject record, FileRecord file, RestoreContext context) =>
        throw new EngineException(EngineError.BadImage, file.Stage(), "an image cannot hold such a socket");
}
