using System.Buffers.Binary;
using System.Net.Sockets;

namespace ContainerGrains.Silo;

/// <summary>
/// Lies between SslStream and the socket. It hands out one TLS record at a time, so that SslStream never holds a further one of
/// which nobody could ask: what is there to be read is known here. Written records are gathered up to a flush. RFC 8446, 5.1.
/// </summary>
internal sealed class RecordStream(NetworkStream network) : Stream
{
    // Room for the longest record that a header can announce; SslStream refuses what the protocol forbids.
    private const int HeaderBytes = 5, BufferBytes = 128 << 10;

    private readonly byte[] _in = new byte[BufferBytes], _out = new byte[BufferBytes];
    private int _start, _end, _left, _gathered;
    private bool _ended;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Whether a whole record (or the end) is there; half of one is not enough, a read would wait for the rest.</summary>
    public bool Poll(TimeSpan wait)
    {
        long begun = TimeProvider.System.GetTimestamp();
        while (_left == 0 && RecordLength() == 0 && !_ended)
        {
            TimeSpan left = wait - TimeProvider.System.GetElapsedTime(begun);
            if (!network.Socket.Poll(left < TimeSpan.Zero ? TimeSpan.Zero : left, SelectMode.SelectRead))
                return false;
            Fill();
        }
        return true;
    }

    public override int Read(Span<byte> buffer)
    {
        while (_left == 0 && (_left = RecordLength()) == 0)
        {
            if (_ended)
                return 0;
            Fill();
        }
        int count = Math.Min(buffer.Length, _left);
        _in.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        _left -= count;
        return count;
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > _out.Length - _gathered)
            Flush();
        if (buffer.Length > _out.Length)
        {
            network.Write(buffer);
            return;
        }
        buffer.CopyTo(_out.AsSpan(_gathered));
        _gathered += buffer.Length;
    }

    public override void Flush()
    {
        int count = _gathered;
        _gathered = 0;
        if (count > 0)
            network.Write(_out, 0, count);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            network.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Length of the record at the start, with its header; 0 as long as it is not all there.</summary>
    private int RecordLength()
    {
        int there = _end - _start;
        if (there < HeaderBytes)
            return 0;
        int length = HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(_in.AsSpan(_start + 3));
        return length <= there ? length : 0;
    }

    private void Fill()
    {
        _in.AsSpan(_start, _end - _start).CopyTo(_in);
        (_start, _end) = (0, _end - _start);
        int count = network.Read(_in, _end, _in.Length - _end);
        _end += count;
        _ended = count == 0;
    }
}
