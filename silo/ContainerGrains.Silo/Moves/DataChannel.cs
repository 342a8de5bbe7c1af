using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerGrains.Silo;

/// <summary>
/// One connection of a move: small control frames (magic, version, type, length, JSON) on a stream that the engine's bulk data
/// shares. Synchronous: it belongs to the move's own thread; only writing is open to others.
/// A cut link or a killed peer is noticed within seconds, by keep-alive when idle and by TCP_USER_TIMEOUT when data waits.
/// </summary>
internal sealed class DataChannel : IDisposable
{
    private const uint Magic = 0x4743_0001; // "CG", version 1
    private const int HeaderBytes = 12;
    private const int MaxPayloadBytes = 64 << 20;
    private const int UserTimeoutMs = 4000;
    private const int MostThrownAway = 1 << 20, DrainBytes = 4 << 10;
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LastWordTimeout = TimeSpan.FromMilliseconds(200);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    private readonly Socket _socket;
    private readonly SslStream? _ssl;

    /// <summary>A channel without TLS.</summary>
    public DataChannel(Socket socket)
    {
        _socket = socket;
        Stream = new ChannelStream(Prepare(socket), wait => socket.Poll(wait, SelectMode.SelectRead));
    }

    /// <summary>A channel with TLS, whose handshake is the caller's.</summary>
    public DataChannel(Socket socket, out SslStream ssl)
    {
        _socket = socket;
        var records = new RecordStream(Prepare(socket));
        _ssl = ssl = new SslStream(records, leaveInnerStreamOpen: false);
        Stream = new ChannelStream(ssl, records.Poll);
    }

    /// <summary>For the engine, between a frame that announces bulk data and the engine's end mark.</summary>
    public ChannelStream Stream { get; }

    /// <summary>What the other side has shown in a TLS handshake.</summary>
    public X509Certificate2? PeerCertificate => _ssl?.RemoteCertificate as X509Certificate2;

    /// <summary>Why nothing may be read from here; the other side is to be told.</summary>
    public string? Distrust { get; set; }

    /// <summary>Whether a connection begins as one without TLS does; nothing is taken from it.</summary>
    public static bool BeginsPlain(Socket socket)
    {
        Span<byte> first = stackalloc byte[1];
        return socket.Receive(first, SocketFlags.Peek) == 1 && first[0] == (byte)(Magic & 0xff);
    }

    public void Write<T>(FrameType type, T payload) => WriteBytes(type, JsonSerializer.SerializeToUtf8Bytes(payload, Json));

    /// <summary>Writes a frame, and sends it with all that was written before.</summary>
    public void WriteBytes(FrameType type, ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, Magic);
        frame[4] = (byte)type;
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(8), payload.Length);
        payload.CopyTo(frame.AsSpan(HeaderBytes));
        Stream.Write(frame);
        Stream.Flush();
    }

    /// <summary>Refuses, whatever the other side sends, and closes. What comes meanwhile is thrown away: a socket closed over unread bytes resets the link, and the refusal may be lost.</summary>
    public void Refuse(MoveRefusal refusal)
    {
        Write(FrameType.Refuse, refusal);
        _socket.Shutdown(SocketShutdown.Send);
        byte[] rest = new byte[DrainBytes];
        int left = MostThrownAway / DrainBytes;
        while (left-- > 0 && Stream.Poll(LastWord) && Stream.Read(rest) > 0)
        {
        }
        Dispose();
    }

    /// <summary>Whether a frame (or the end of the stream) waits; returns early then, else after <paramref name="wait"/>.</summary>
    public bool Poll(TimeSpan wait) => Stream.Poll(wait < TimeSpan.Zero ? TimeSpan.Zero : wait);

    /// <exception cref="IOException">The stream ended, or speaks another language.</exception>
    public (FrameType Type, byte[] Payload) Read()
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        Stream.ReadExactly(header);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(header);
        const byte handshake = 22;
        if (header[0] == handshake && header[1] == 3)
            throw new IOException("the other side speaks TLS, and this host has no Silo:Tls; set it on both or on none");
        if (magic != Magic)
            throw new IOException($"the other side speaks another version of the data channel (0x{magic:x8}, here 0x{Magic:x8}); run the same version on both hosts");
        if (length is < 0 or > MaxPayloadBytes)
            throw new IOException($"a control frame of {length} bytes is not believable");
        byte[] payload = new byte[length];
        Stream.ReadExactly(payload);
        return ((FrameType)header[4], payload);
    }

    /// <summary>Reads a frame that must be of this type.</summary>
    /// <exception cref="ContainerException">The other side gave the move up, for this reason.</exception>
    public T Read<T>(FrameType expected)
    {
        (FrameType type, byte[] payload) = Read();
        if (type == FrameType.Abort)
            throw Parse<AbortMessage>(payload).ToException();
        if (type != expected)
            throw new IOException($"{expected} was expected, and {type} came");
        return Parse<T>(payload);
    }

    /// <summary>
    /// Why the other side gave the move up, when writing to it has failed: it closes the link in the middle of what it does not
    /// want any more, and its last frame waits here, because the kernel keeps what had come before the reset. Null: it said nothing.
    /// </summary>
    public ContainerException? FindAbort()
    {
        try
        {
            while (Poll(LastWordTimeout))
            {
                (FrameType type, byte[] payload) = Read();
                if (type == FrameType.Abort)
                    return Parse<AbortMessage>(payload).ToException();
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The link broke, and no last word is in it.
        }
        return null;
    }

    public static T Parse<T>(byte[] payload)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(payload, Json) ?? throw new IOException("a control frame is empty");
        }
        catch (JsonException e)
        {
            throw new IOException($"a control frame is not readable: {e.Message}", e);
        }
    }

    public void Dispose() => Stream.Dispose();

    private static NetworkStream Prepare(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        const int IPPROTO_TCP = 6, TCP_USER_TIMEOUT = 18;
        socket.SetRawSocketOption(IPPROTO_TCP, TCP_USER_TIMEOUT, BitConverter.GetBytes(UserTimeoutMs));
        socket.ReceiveTimeout = socket.SendTimeout = (int)IdleTimeout.TotalMilliseconds;
        return new NetworkStream(socket, ownsSocket: true);
    }
}
