using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ContainerGrains.Survival.Tests;

/// <summary>One TCP connection to a program that speaks in lines; it is never made again.</summary>
internal sealed class LineConnection : IDisposable
{
    private const int TimeoutMs = 60_000;
    private readonly Socket _socket;
    private readonly StreamReader _reader;

    public LineConnection(TestNetwork network, string address, int port)
    {
        _socket = network.Run(() => Connect(new IPEndPoint(IPAddress.Parse(address), port)));
        _reader = new StreamReader(new NetworkStream(_socket), Encoding.ASCII);
    }

    public void Send(string text)
    {
        for (byte[] bytes = Encoding.ASCII.GetBytes(text); bytes.Length > 0;) bytes = bytes[_socket.Send(bytes)..];
    }

    /// <summary>One line, without its end.</summary>
    public string ReadLine() => _reader.ReadLine() ?? throw new IOException("the server has closed the connection");

    public string Ask(string request)
    {
        Send(request + "\r\n");
        return ReadLine();
    }

    /// <summary>So many characters and the end of the line behind them.</summary>
    public string ReadBlock(int length)
    {
        char[] block = new char[length + 2];
        if (_reader.ReadBlock(block) != block.Length) throw new IOException("the server has closed the connection");
        return new string(block, 0, length);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }

    // The program may not listen yet.
    private static Socket Connect(IPEndPoint end)
    {
        for (long start = Environment.TickCount64; ;)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendTimeout = TimeoutMs, ReceiveTimeout = TimeoutMs };
            try
            {
                socket.Connect(end);
                return socket;
            }
            catch (SocketException) when (Environment.TickCount64 - start < 20_000)
            {
                socket.Dispose();
                Thread.Sleep(5);
            }
        }
    }
}
