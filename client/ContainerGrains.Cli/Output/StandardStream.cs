using System.ComponentModel;
using System.Runtime.InteropServices;

namespace ContainerGrains.Cli.Output;

/// <summary>
/// Standard output or error, by write(2) itself. Console's stream hides that the reader has gone (cg logs -f | head would
/// never end), and FileStream keeps a position of its own, which a shared or appended file must not have.
/// </summary>
internal sealed partial class StandardStream(int fd) : Stream
{
    private const int EINTR = 4;
    private const int EAGAIN = 11;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <exception cref="IOException">EPIPE: nobody reads any more; ENOSPC: the file's disk is full.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written = write(fd, in MemoryMarshal.GetReference(buffer), (nuint)buffer.Length);
            if (written >= 0)
                buffer = buffer[(int)written..];
            else if (Marshal.GetLastPInvokeError() is var errno && errno == EAGAIN)
                Thread.Sleep(1); // Somebody who shares our terminal or pipe made it non-blocking.
            else if (errno != EINTR)
                throw new IOException(new Win32Exception(errno).Message, errno);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // Nothing is held back.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, in byte buffer, nuint count);
}
