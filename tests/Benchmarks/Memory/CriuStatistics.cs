using System.Buffers.Binary;

namespace ContainerGrains.Benchmarks.Memory;

/// <summary>What CRIU measured itself: two magic numbers, a length, and a protobuf message (stats.proto).</summary>
internal static class CriuStatistics
{
    private const int HeaderLength = 8, StatsDump = 1, FrozenTime = 2;

    /// <exception cref="InvalidDataException">It is not such a file.</exception>
    public static double FrozenMs(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        if (file.Length < HeaderLength + 4) throw new InvalidDataException($"{path} is too short");
        int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(HeaderLength));
        if (length < 0 || length > file.Length - HeaderLength - 4) throw new InvalidDataException($"{path} is cut off");
        ReadOnlySpan<byte> entry = file.AsSpan(HeaderLength + 4, length);
        while (ReadField(ref entry) is var field && field.Number != 0)
        {
            if (field.Number != StatsDump) continue;
            ReadOnlySpan<byte> dump = file.AsSpan(HeaderLength + 4 + length - entry.Length - (int)field.Value, (int)field.Value);
            while (ReadField(ref dump) is var inner && inner.Number != 0)
                if (inner.Number == FrozenTime) return inner.Value / 1000.0;
        }
        throw new InvalidDataException($"{path} has no frozen_time");
    }

    // A varint's value, or a message's length with the message skipped; number 0 at the end.
    private static (int Number, long Value) ReadField(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty) return (0, 0);
        long key = ReadVarint(ref rest), value = ReadVarint(ref rest);
        switch (key & 7)
        {
            case 0:
                return ((int)(key >> 3), value);
            case 2 when value >= 0 && value <= rest.Length:
                rest = rest[(int)value..];
                return ((int)(key >> 3), value);
            default:
                throw new InvalidDataException("CRIU's statistics have a field of another kind");
        }
    }

    private static long ReadVarint(ref ReadOnlySpan<byte> rest)
    {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (rest.IsEmpty) break;
            byte b = rest[0];
            rest = rest[1..];
            value |= (long)(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
        throw new InvalidDataException("CRIU's statistics are cut off");
    }
}
