using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text.Json;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Reads frames and checks each one before anyone sees it. Errors: BadImage for damage, with an EndOfStreamException inside when the disk or wire ends too early.</summary>
public sealed class ImageReader(Stream stream) : IDisposable
{
    /// <summary>Longest frame, bytes: bounds what a damaged length can ask for.</summary>
    public const int MaxFrame = 256 << 20;

    private NativeBuffer _buffer = new(2 << 20);

    public long Bytes { get; private set; }

    public FrameType Type { get; private set; }

    /// <summary>The current frame's payload; valid until the next read.</summary>
    public ReadOnlySpan<byte> Payload => _buffer.Span[.._length];

    private int _length;

    /// <summary>Reads the next frame.</summary>
    /// <exception cref="EngineException">BadImage: truncated, wrong magic, wrong checksum, too long, unknown type.</exception>
    public FrameType Read()
    {
        Span<byte> header = stackalloc byte[ImageWriter.HeaderLength];
        Fill(header);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != ImageWriter.Magic)
            throw Damaged("no frame begins here");
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        if (length > MaxFrame) throw Damaged($"a frame of {length} bytes is longer than {MaxFrame}");
        if (length > (ulong)_buffer.Length)
        {
            _buffer.Dispose();
            _buffer = new NativeBuffer((int)length);
        }
        _length = (int)length;
        Fill(_buffer.Span[.._length]);
        var hash = new XxHash3();
        hash.Append(header[4..16]);
        hash.Append(Payload);
        if (hash.GetCurrentHashAsUInt64() != BinaryPrimitives.ReadUInt64LittleEndian(header[16..]))
            throw Damaged("the checksum of a frame is wrong");
        if (!Enum.IsDefined((FrameType)type)) throw Damaged($"frame type {type} is unknown");
        Bytes += ImageWriter.HeaderLength + _length;
        return Type = (FrameType)type;
    }

    public T ReadJson<T>() where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(Payload, RecordJson.Options) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new EngineException(EngineError.BadImage, "image", $"a {Type} record cannot be read ({e.Message}); the image is of another version or damaged", e);
        }
    }

    /// <summary>The owner and ranges that begin a frame of pages or ranges, and what follows them.</summary>
    public ReadOnlySpan<byte> ReadRanges(out int owner, List<(ulong Start, ulong End)> ranges)
    {
        ReadOnlySpan<byte> payload = Payload;
        if (payload.Length < 8) throw Damaged("a frame of ranges is too short");
        owner = BinaryPrimitives.ReadInt32LittleEndian(payload);
        int count = BinaryPrimitives.ReadInt32LittleEndian(payload[4..]);
        if (count < 0 || payload.Length - 8 < (long)count * 16) throw Damaged("a frame of ranges is too short");
        ranges.Clear();
        for (int i = 0; i < count; i++)
        {
            ulong start = BinaryPrimitives.ReadUInt64LittleEndian(payload[(8 + i * 16)..]), end = BinaryPrimitives.ReadUInt64LittleEndian(payload[(16 + i * 16)..]);
            if (end <= start || ((start | end) & (Kernel.PageSize - 1)) != 0 || end > 1ul << 56) throw Damaged("a range of a frame is not one of pages");
            ranges.Add((start, end));
        }
        return payload[(8 + count * 16)..];
    }

    public EngineException Damaged(string what, Exception? inner = null) =>
        new(EngineError.BadImage, $"image, byte {Bytes}", $"{what}; the image is damaged, truncated or not one of ours: nothing was started, take another copy", inner);

    public void Dispose() => _buffer.Dispose();

    private void Fill(Span<byte> span)
    {
        try
        {
            stream.ReadExactly(span);
        }
        catch (EndOfStreamException e)
        {
            throw Damaged("the image ends too early", e);
        }
    }
}
