using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// SO_PEEK_OFF set for a look at a queue, and put back: at -1 MSG_PEEK always begins at the queue's head, at 0 it goes on
/// where the last look ended, so that a whole queue of messages can be read without taking any.
/// </summary>
internal readonly struct PeekOffset : IDisposable
{
    private readonly int _fd, _old;

    public PeekOffset(int fd, int offset)
    {
        _fd = fd;
        // Kinds without the option always peek at the head.
        if (!Sockets.TryGetInt(fd, Sockets.SOL_SOCKET, SocketOption.PeekOffset, out _old)) _old = -1;
        if (_old != offset) Sockets.SetInt(fd, Sockets.SOL_SOCKET, SocketOption.PeekOffset, offset, "SO_PEEK_OFF");
    }

    public void Dispose() => Sockets.SetInt(_fd, Sockets.SOL_SOCKET, SocketOption.PeekOffset, _old, "SO_PEEK_OFF");
}
