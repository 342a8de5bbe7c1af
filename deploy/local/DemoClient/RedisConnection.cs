using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ContainerGrains.DemoClient;

/// <summary>As much of redis' protocol as a counter needs: inline commands, and answers of one line.</summary>
internal sealed class RedisConnection : IDisposable
{
    private const int ValueLength = 16384, BatchLength = 64;
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[4096];
    private int _start, _end;

    public RedisConnection(IPEndPoint server, TimeSpan timeout)
    {
        _socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = (int)timeout.TotalMilliseconds,
            SendTimeout = (int)timeout.TotalMilliseconds,
        };
        try
        {
            _socket.Connect(server);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a command and returns its answer's number; 0 for "+OK".</summary>
    /// <exception cref="FormatException">The answer is an error.</exception>
    public long Call(string command)
    {
        Send(Encoding.ASCII.GetBytes(command));
        return ReadAnswer();
    }

    /// <summary>Stores values of 16 KiB which do not compress.</summary>
    public void Fill(int mebibytes)
    {
        byte[] value = new byte[ValueLength];
        var random = new Random(1);
        int count = mebibytes * ((1 << 20) / ValueLength);
        for (int sent = 0; sent < count;)
        {
            int batch = Math.Min(BatchLength, count - sent);
            for (int i = 0; i < batch; i++, sent++)
            {
                string key = $"fill:{sent}";
                random.NextBytes(value);
                Send(Encoding.ASCII.GetBytes($"*3\r\n$3\r\nSET\r\n${key.Length}\r\n{key}\r\n${ValueLength}\r\n"));
                Send(value);
                Send("\r\n"u8);
            }
            for (int i = 0; i < batch; i++)
                ReadAnswer();
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Send(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[_socket.Send(bytes)..];
    }

    private long ReadAnswer()
    {
        ReadOnlySpan<byte> line = ReadLine();
        if (line.Length > 1 && line[0] == ':') return long.Parse(line[1..], CultureInfo.InvariantCulture);
        if (line.StartsWith("+OK"u8)) return 0;
        throw new FormatException($"redis said: {Encoding.UTF8.GetString(line)}");
    }

    private ReadOnlySpan<byte> ReadLine()
    {
        while (true)
        {
            int length = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n"u8);
            if (length >= 0)
            {
                ReadOnlySpan<byte> line = _buffer.AsSpan(_start, length);
                _start += length + 2;
                return line;
            }
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            if (_end == _buffer.Length) throw new IOException("an answer longer than 4 KiB");
            int read = _socket.Receive(_buffer.AsSpan(_end));
            if (read == 0) throw new IOException("the server closed the connection");
            _end += read;
        }
    }
}
