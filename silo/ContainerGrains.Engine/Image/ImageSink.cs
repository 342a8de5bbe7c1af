using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// What a checkpoint is written to. Straight into its file while the container runs; into memory while it stands still, so that no disk
/// stretches the freeze; and what was kept follows when it runs again. Cancelling makes a write fail, in the freeze excepted.
/// </summary>
/// <param name="mostHeld">Bytes that may be kept; what is more goes into the file at once, whatever that takes.</param>
internal sealed class ImageSink(Stream file, long mostHeld, CancellationToken cancellationToken) : Stream
{
    private const int ChunkBytes = 4 << 20;
    // Of what no round foresees: records, trees, what is written between the last round and the freeze.
    private const long SpareBytes = 8 << 20;

    private readonly List<NativeBuffer> _chunks = [];
    private bool _holding;
    private long _held;

    /// <summary>A quarter of the memory that the host has to spare.</summary>
    public static long MostHeld => ProcFields.Read("/proc/meminfo").Int64("MemAvailable") * 1024 / 4;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Keeps what is written from here on. Memory for what is expected is made now, before the freeze.</summary>
    public void Hold(long expectedBytes)
    {
        cancellationToken.ThrowIfCancellationRequested();
        for (long room = 0; room < Math.Min(expectedBytes + SpareBytes, mostHeld); room += ChunkBytes) _chunks.Add(new NativeBuffer(ChunkBytes));
        _holding = true;
    }

    /// <summary>Writes what was kept, and sees to it that all of the file is on its disk.</summary>
    public void Release()
    {
        cancellationToken.ThrowIfCancellationRequested();
        Spill(cancellable: true);
        if (file is FileStream onDisk) onDisk.Flush(flushToDisk: true);
        else file.Flush();
    }

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        if (_holding && _held + bytes.Length > mostHeld) Spill(cancellable: false);
        else if (!_holding) cancellationToken.ThrowIfCancellationRequested();
        if (!_holding)
        {
            file.Write(bytes);
            return;
        }
        while (!bytes.IsEmpty)
        {
            int chunk = (int)(_held / ChunkBytes), at = (int)(_held % ChunkBytes), part = Math.Min(bytes.Length, ChunkBytes - at);
            if (chunk == _chunks.Count) _chunks.Add(new NativeBuffer(ChunkBytes));
            bytes[..part].CopyTo(_chunks[chunk].Span[at..]);
            _held += part;
            bytes = bytes[part..];
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Nobody waits for these bytes.</summary>
    public override void Flush() { }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        foreach (NativeBuffer chunk in _chunks) chunk.Dispose();
        _chunks.Clear();
        base.Dispose(disposing);
    }

    private void Spill(bool cancellable)
    {
        _holding = false;
        foreach (NativeBuffer chunk in _chunks)
        {
            if (cancellable) cancellationToken.ThrowIfCancellationRequested();
            int part = (int)Math.Min(_held, ChunkBytes);
            if (part > 0) file.Write(chunk.Span[..part]);
            _held -= part;
            chunk.Dispose();
        }
        _chunks.Clear();
    }
}
