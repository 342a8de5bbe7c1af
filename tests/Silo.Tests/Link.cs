using System.Net;
using System.Net.Sockets;

namespace ContainerGrains.Silo.Tests;

/// <summary>A wire between two hosts that can be cut, and listened to.</summary>
public sealed class Link : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _to;
    private readonly List<Socket> _sockets = [];
    private readonly MemoryStream _heard = new();

    public Link(int port)
    {
        _to = new IPEndPoint(IPAddress.Loopback, port);
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address => _listener.LocalEndpoint.ToString()!;

    /// <summary>Everything that has crossed, both ways.</summary>
    public byte[] Heard()
    {
        lock (_heard)
            return _heard.ToArray();
    }

    public void Cut()
    {
        lock (_sockets)
            _sockets.ForEach(s => s.Close(0));
    }

    public void Dispose()
    {
        _listener.Stop();
        Cut();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket left = await _listener.AcceptSocketAsync();
                var right = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                left.NoDelay = true;
                await right.ConnectAsync(_to);
                lock (_sockets)
                    _sockets.AddRange([left, right]);
                _ = RelayAsync(left, right);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    /// <summary>A reset of one side goes on to the other, behind what had come before it.</summary>
    private async Task RelayAsync(Socket left, Socket right)
    {
        Task<Socket?> there = PumpAsync(left, right), back = PumpAsync(right, left);
        Task<Socket?> first = await Task.WhenAny(there, back);
        if ((await first ?? await (first == there ? back : there)) is not { } dead)
            return;
        await (dead == left ? there : back);
        (dead == left ? right : left).Close(0);
    }

    /// <summary>Copies until the end; returns the socket that was reset, if one was.</summary>
    private async Task<Socket?> PumpAsync(Socket from, Socket to)
    {
        Socket used = from;
        try
        {
            byte[] buffer = new byte[1 << 16];
            for (int read; (read = await (used = from).ReceiveAsync(buffer)) > 0;)
            {
                used = to;
                lock (_heard)
                    _heard.Write(buffer, 0, read);
                for (int sent = 0; sent < read;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
            }
            to.Shutdown(SocketShutdown.Send);
            return null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return used;
        }
    }
}
