using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace ContainerGrains.Engine;

/// <summary>
/// Writes frames: {magic u32, type u32, length u64, XXH3-64 of type, length and payload u64}, little endian, then the payload.
/// The same for wire and disk.
/// </summary>
public sealed class ImageWriter(Stream stream)
{
    public const uint Magic = 0x46474331; // "1CGF"
    public const int HeaderLength = 24;

    private readonly XxHash3 _hash = new();

    /// <summary>Bytes written so far.</summary>
    public long Bytes { get; private set; }

    public void Write(FrameType type, ReadOnlySpan<byte> payload) => Write(type, payload, default);

    /// <summary>A frame whose payload is two spans, one behind the other.</summary>
    public void Write(FrameType type, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], (uint)type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)(first.Length + second.Length));
        _hash.Append(header[4..16]);
        _hash.Append(first);
        _hash.Append(second);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], _hash.GetCurrentHashAsUInt64());
        _hash.Reset();
        stream.Write(header);
        stream.Write(first);
        if (!second.IsEmpty) stream.Write(second);
        Bytes += HeaderLength + first.Length + second.Length;
    }

    public void WriteJson<T>(FrameType type, T record) => Write(type, JsonSerializer.SerializeToUtf8Bytes(record, RecordJson.Options));

    /// <summary>Ranges of one owner without content.</summary>
    public void WriteRanges(FrameType type, int owner, IReadOnlyList<(ulong Start, ulong End)> ranges)
    {
        const int most = 32768;
        for (int from = 0; from < ranges.Count; from += most)
        {
            int count = Math.Min(most, ranges.Count - from);
            ulong[] words = new ulong[1 + count * 2];
            words[0] = (uint)owner | (ulong)count << 32;
            for (int i = 0; i < count; i++) (words[1 + i * 2], words[2 + i * 2]) = (ranges[from + i].Start, ranges[from + i].End);
            Write(type, MemoryMarshal.AsBytes<ulong>(words));
        }
    }

    public void Flush() => stream.Flush();
}
