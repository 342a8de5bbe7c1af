using System.Net;
using System.Net.Sockets;
using ContainerGrains.Linux.Net;

namespace ContainerGrains.Linux.Tests.Net;

/// <summary>Sends back what it gets, one connection, on a thread of its own.</summary>
internal sealed class EchoServer : IDisposable
{
    private readonly Socket _listener;
    private readonly Thread _thread;

    public EchoServer(NetworkNamespace ns, IPEndPoint address)
    {
        _listener = Lan.NewSocket(ns);
        _listener.Bind(address);
        _listener.Listen(1);
        _thread = new Thread(Serve) { IsBackground = true };
        _thread.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _thread.Join(TimeSpan.FromSeconds(5));
    }

    private void Serve()
    {
        try
        {
            using Socket connection = _listener.Accept();
            connection.NoDelay = true;
            byte[] buffer = new byte[65536];
            while (connection.Receive(buffer) is var read and > 0)
                connection.Send(buffer.AsSpan(0, read));
        }
        catch (SocketException)
        {
            // The test is over: its listener was closed or its client is gone.
        }
    }
}
