namespace ContainerGrains.Engine;

/// <summary>The directories that travel with a container; the number is the first byte of each <see cref="FrameType.Directory"/> frame.</summary>
public enum CarriedDirectory : byte
{
    /// <summary>Upper directory of the overlay.</summary>
    Upper = 1,
    Logs = 2,
    /// <summary>The tmpfs at /dev/shm.</summary>
    Shm = 3,
}

/// <summary>A stream that makes a frame of whatever is written to it at once.</summary>
internal sealed class DirectoryFrameWriter(ImageWriter writer, CarriedDirectory directory) : Stream
{
    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty) writer.Write(FrameType.Directory, [(byte)directory], bytes);
    }

    /// <summary>Ends the directory.</summary>
    public void Complete() => writer.Write(FrameType.DirectoryEnd, [(byte)directory]);

    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>The other way: reads frames of one directory, from the reader's current one to its end mark.</summary>
internal sealed class DirectoryFrameReader(ImageReader reader) : Stream
{
    private int _position = 1;

    /// <summary>Which directory the reader's current frame belongs to.</summary>
    public static CarriedDirectory DirectoryOf(ImageReader reader) =>
        reader.Payload.Length > 0 && Enum.IsDefined((CarriedDirectory)reader.Payload[0]) ? (CarriedDirectory)reader.Payload[0] : throw reader.Damaged("a directory frame names no directory");

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        while (reader.Type == FrameType.Directory && _position >= reader.Payload.Length)
        {
            CarriedDirectory directory = DirectoryOf(reader);
            reader.Read();
            if (reader.Type is not (FrameType.Directory or FrameType.DirectoryEnd) || DirectoryOf(reader) != directory) throw reader.Damaged("a directory does not end");
            _position = 1;
        }
        if (reader.Type == FrameType.DirectoryEnd) return 0;
        int part = Math.Min(buffer.Length, reader.Payload.Length - _position);
        reader.Payload.Slice(_position, part).CopyTo(buffer);
        _position += part;
        return part;
    }

    /// <summary>Goes on to the end mark; whatever is left is not ours to read.</summary>
    public void Finish()
    {
        Span<byte> one = stackalloc byte[1];
        if (Read(one) != 0) throw reader.Damaged("a directory is longer than its contents");
    }

    public override void Flush() { }
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}
