using System.Net.Sockets;

namespace ContainerGrains.TestKit;

/// <summary>Two ends of a connected stream socket, as two silos have between them.</summary>
public sealed class Wire : IDisposable
{
    public Wire()
    {
        string path = Path.Combine(Path.GetTempPath(), $"cg-wire-{Guid.NewGuid():n}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var near = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        near.Connect(new UnixDomainSocketEndPoint(path));
        Source = new NetworkStream(near, ownsSocket: true);
        Target = new NetworkStream(listener.Accept(), ownsSocket: true);
        File.Delete(path);
    }

    public NetworkStream Source { get; }
    public NetworkStream Target { get; }

    /// <summary>Both ends at once: whoever reads or writes gets an error, as from a cut cable.</summary>
    public void Dispose()
    {
        // A mere close would wait for a read that is in progress.
        foreach (NetworkStream end in (NetworkStream[])[Source, Target])
        {
            try
            {
                end.Socket.Shutdown(SocketShutdown.Both);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Cut already.
            }
            end.Dispose();
        }
    }
}
