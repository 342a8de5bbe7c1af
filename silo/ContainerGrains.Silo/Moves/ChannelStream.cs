namespace ContainerGrains.Silo;

/// <summary>
/// Gathers small writes and reads ahead, so that a small frame is neither a system call nor a TLS record of its own. What was
/// written leaves with <see cref="Flush"/>, or when there is a buffer full of it. One thread reads, any may write.
/// </summary>
internal sealed class ChannelStream(Stream inner, Func<TimeSpan, bool> pollInner) : Stream
{
    /// <summary>More than the 16 KiB of a TLS record: after a read nothing decrypted is left below.</summary>
    private const int BufferBytes = 64 << 10;

    private readonly Lock _writing = new();
    private readonly byte[] _out = new byte[BufferBytes], _in = new byte[BufferBytes];
    private int _gathered, _start, _end;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Whether a read has something to return (or meets the end) by then; waits for no longer than this.</summary>
    public bool Poll(TimeSpan wait) => _start < _end || pollInner(wait);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_writing)
        {
            int room = _out.Length - _gathered;
            if (buffer.Length > room)
            {
                Gather(buffer[..room]);
                Send();
                buffer = buffer[room..];
                int whole = buffer.Length - buffer.Length % _out.Length;
                if (whole > 0)
                    inner.Write(buffer[..whole]);
                buffer = buffer[whole..];
            }
            Gather(buffer);
        }
    }

    public override void Flush()
    {
        lock (_writing)
        {
            Send();
            inner.Flush();
        }
    }

    public override int Read(Span<byte> buffer)
    {
        if (_start == _end && buffer.Length >= _in.Length)
            return inner.Read(buffer);
        if (_start == _end)
            (_start, _end) = (0, inner.Read(_in));
        int count = Math.Min(buffer.Length, _end - _start);
        _in.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private void Gather(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_out.AsSpan(_gathered));
        _gathered += bytes.Length;
    }

    private void Send()
    {
        int count = _gathered;
        // Also when it fails: what is sent twice would be read as something else.
        _gathered = 0;
        if (count > 0)
            inner.Write(_out, 0, count);
    }
}
