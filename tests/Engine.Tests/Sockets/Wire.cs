using System.Buffers.Binary;
using System.Net;

namespace ContainerGrains.Engine.Tests.SocketRooms;

/// <summary>Sockets of tests, by the calls themselves: .NET's sockets set options of their own.</summary>
internal static class Wire
{
    public static byte[] Address(string address, int port)
    {
        IPAddress ip = IPAddress.Parse(address);
        byte[] bytes = ip.GetAddressBytes();
        byte[] result = new byte[bytes.Length == 4 ? 16 : 28];
        BinaryPrimitives.WriteUInt16LittleEndian(result, (ushort)(bytes.Length == 4 ? Linux.Sockets.AF_INET : Linux.Sockets.AF_INET6));
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(2), (ushort)port);
        bytes.CopyTo(result, bytes.Length == 4 ? 4 : 8);
        return result;
    }

    public static int Port(FileDescriptor socket) => SocketAddressText.Port(Linux.Sockets.Name(socket.Number));

    public static FileDescriptor Tcp(string address) =>
        Linux.Sockets.Create(address.Contains(':', StringComparison.Ordinal) ? Linux.Sockets.AF_INET6 : Linux.Sockets.AF_INET, Linux.Sockets.SOCK_STREAM, Linux.Sockets.IPPROTO_TCP);

    public static FileDescriptor Listen(string address, int port = 0, int backlog = 16)
    {
        FileDescriptor socket = Tcp(address);
        Linux.Sockets.Bind(socket.Number, Address(address, port));
        Linux.Sockets.Listen(socket.Number, backlog);
        return socket;
    }

    public static FileDescriptor Connect(string address, int port)
    {
        FileDescriptor socket = Tcp(address);
        Linux.Sockets.Connect(socket.Number, Address(address, port));
        return socket;
    }

    /// <summary>Sends all, and gives up after five seconds.</summary>
    public static void Send(FileDescriptor socket, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            Wait(socket, Linux.Sockets.POLLOUT);
            long sent = Linux.Sockets.TrySend(socket.Number, data, Linux.Sockets.MSG_DONTWAIT);
            if (sent == -Errno.EAGAIN) continue;
            data = data[(int)Result.Check(sent, "send")..];
        }
    }

    /// <summary>Receives that many bytes, or fewer when the other side ends, and gives up after five seconds of nothing.</summary>
    public static byte[] Receive(FileDescriptor socket, int length)
    {
        byte[] data = new byte[length];
        int done = 0;
        while (done < length)
        {
            Wait(socket, Linux.Sockets.POLLIN);
            long got = Linux.Sockets.TryReceive(socket.Number, data.AsSpan(done), Linux.Sockets.MSG_DONTWAIT);
            if (got == -Errno.EAGAIN) continue;
            if (Result.Check(got, "recv") == 0) break;
            done += (int)got;
        }
        return data[..done];
    }

    /// <summary>True at the end of the stream; false when there is something to read.</summary>
    public static bool AtEnd(FileDescriptor socket)
    {
        Wait(socket, Linux.Sockets.POLLIN);
        return Result.Check(Linux.Sockets.TryReceive(socket.Number, new byte[1], Linux.Sockets.MSG_PEEK | Linux.Sockets.MSG_DONTWAIT), "recv") == 0;
    }

    public static void Wait(FileDescriptor socket, short events)
    {
        if (Linux.Sockets.Poll(socket.Number, events, 5000) == 0) throw new TimeoutException($"{socket} was not ready (events {events}) within 5 s");
    }

    public static TcpState State(FileDescriptor socket) => TcpInfo.Of(socket.Number).State;

    public static void WaitFor(FileDescriptor socket, TcpState state) =>
        Assert.True(SpinWait.SpinUntil(() => State(socket) == state, 5000), $"{socket} is {State(socket)}, not {state}");

    /// <summary>Bytes that say at each place where they are.</summary>
    public static byte[] Pattern(int length, int seed)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }
}
