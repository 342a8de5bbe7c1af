using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ContainerGrains.Cli.Http;

/// <summary>
/// One HTTP/1.1 request and its answer on a connection of its own. HttpClient would do the same and cost several milliseconds
/// at every start; a blocking socket needs no thread pool and no event loop.
/// </summary>
internal sealed class HttpExchange : IDisposable
{
    private const int MaxLineBytes = 16 << 10;
    private const int MaxHeaders = 100;

    private readonly Socket _socket;
    private readonly string _socketPath;
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;
    private bool _chunked;
    private bool _bodyEnded;
    /// <summary>Bytes left of the body or of the current chunk; -1: until the connection closes.</summary>
    private long _left;

    private HttpExchange(Socket socket, string socketPath) => (_socket, _socketPath) = (socket, socketPath);

    public int Status { get; private set; }

    /// <exception cref="SocketException">Nobody listens there, or this user may not connect.</exception>
    public static HttpExchange Open(string socketPath)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return new HttpExchange(socket, socketPath);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends the request with a body of <paramref name="length"/> bytes and reads the answer's head.</summary>
    public void Send(string method, string path, string? contentType, Stream? body, long length, string? traceParent)
    {
        var head = new StringBuilder(256);
        head.Append(method).Append(' ').Append(path).Append(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if (traceParent is not null)
            head.Append("traceparent: ").Append(traceParent).Append("\r\n");
        if (contentType is not null)
            head.Append("Content-Type: ").Append(contentType).Append("\r\n");
        if (method is not "GET")
            head.Append("Content-Length: ").Append(length).Append("\r\n");
        head.Append("\r\n");
        try
        {
            SendAll(Encoding.ASCII.GetBytes(head.ToString()));
            if (body is not null)
                SendBody(body, length);
        }
        catch (SocketException)
        {
            // The silo may have answered before it has read everything, a refused upload say: its answer counts.
        }
        ReadHead();
    }

    /// <summary>Bytes of the answer's body; 0 at its end.</summary>
    /// <exception cref="ConnectionLostException">The connection ended before the body did.</exception>
    public int Read(Span<byte> destination)
    {
        if (_bodyEnded || destination.IsEmpty)
            return 0;
        if (_chunked && _left == 0 && !NextChunk())
            return 0;
        if (_left == 0)
            return End();
        if (_start == _end && !Fill())
            return _left < 0 ? End() : throw new ConnectionLostException(_socketPath);
        int count = Math.Min(_end - _start, destination.Length);
        if (_left >= 0)
            count = (int)Math.Min(count, _left);
        _buffer.AsSpan(_start, count).CopyTo(destination);
        _start += count;
        if (_left > 0 && (_left -= count) == 0 && _chunked)
            _ = ReadLine();
        return count;
    }

    public void Dispose() => _socket.Dispose();

    private int End()
    {
        _bodyEnded = true;
        return 0;
    }

    private bool NextChunk()
    {
        string line = ReadLine();
        int extension = line.IndexOf(';');
        if (!long.TryParse(extension < 0 ? line : line[..extension], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _left))
            throw new ConnectionLostException(_socketPath);
        if (_left > 0)
            return true;
        _bodyEnded = true;
        return false;
    }

    private void SendBody(Stream body, long length)
    {
        byte[] buffer = new byte[256 << 10];
        for (long left = length; left > 0;)
        {
            int read = body.Read(buffer, 0, (int)Math.Min(buffer.Length, left));
            if (read == 0)
                break;
            SendAll(buffer.AsSpan(0, read));
            left -= read;
        }
    }

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[_socket.Send(bytes)..];
    }

    private void ReadHead()
    {
        string status = ReadLine();
        if (!status.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) || status.Length < 12
            || !int.TryParse(status.AsSpan(9, 3), CultureInfo.InvariantCulture, out int code))
            throw new ConnectionLostException(_socketPath);
        Status = code;
        _left = code is 204 or 304 ? 0 : -1;
        for (int i = 0; i < MaxHeaders; i++)
        {
            string header = ReadLine();
            if (header.Length == 0)
                return;
            int colon = header.IndexOf(':');
            if (colon > 0)
                ReadHeader(header.AsSpan(0, colon), header.AsSpan(colon + 1).Trim());
        }
        throw new ConnectionLostException(_socketPath);
    }

    private void ReadHeader(ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            _left = long.Parse(value, CultureInfo.InvariantCulture);
        else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase) && value.Equals("chunked", StringComparison.OrdinalIgnoreCase))
            (_chunked, _left) = (true, 0);
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        while (true)
        {
            if (_start == _end && !Fill())
                throw new ConnectionLostException(_socketPath);
            int newline = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            int take = newline < 0 ? _end - _start : newline;
            line.Append(Encoding.Latin1.GetString(_buffer, _start, take));
            _start += newline < 0 ? take : take + 1;
            if (line.Length > MaxLineBytes)
                throw new ConnectionLostException(_socketPath);
            if (newline >= 0)
                return line.ToString().TrimEnd('\r');
        }
    }

    private bool Fill()
    {
        try
        {
            _start = 0;
            _end = _socket.Receive(_buffer);
            return _end > 0;
        }
        catch (SocketException e)
        {
            throw new ConnectionLostException(_socketPath, e);
        }
    }
}
