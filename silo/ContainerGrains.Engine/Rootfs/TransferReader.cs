using System.Buffers.Binary;
using System.Text;

namespace ContainerGrains.Engine;

/// <summary>Reads the records of a <see cref="DirectoryTransfer"/>; never more than they hold, so that the stream can go on with something else.</summary>
internal sealed class TransferReader(Stream stream)
{
    private readonly byte[] _number = new byte[8];

    public byte Byte() => Number(1)[0];
    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Number(2));
    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Number(4));
    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Number(8));
    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Number(8));

    /// <summary>A path below the directory: no component is empty, "." or "..".</summary>
    public string Path()
    {
        string path = Encoding.Latin1.GetString(Bytes(UInt16(), TransferFormat.MaxPathBytes));
        if (path.Length == 0) return path;
        if (path.Contains('\0')) throw Bad("a path holds a NUL");
        foreach (string name in path.Split('/'))
            if (name is "" or "." or ".." || name.Length > TransferFormat.MaxNameBytes) throw Bad($"'{path}' is no path below the directory");
        return path;
    }

    public byte[] Bytes(long length, int limit)
    {
        if (length < 0 || length > limit) throw Bad($"a length of {length} where at most {limit} are possible");
        byte[] bytes = new byte[length];
        Fill(bytes);
        return bytes;
    }

    public void Fill(Span<byte> bytes)
    {
        try
        {
            stream.ReadExactly(bytes);
        }
        catch (EndOfStreamException e)
        {
            throw new EngineException(EngineError.BadImage, "receive: files", "the stream ends in the middle of a directory; send it again", e);
        }
    }

    public static EngineException Bad(string reason) => new(EngineError.BadImage, "receive: files", $"{reason}; the sender is of another version, or the data is damaged");

    private Span<byte> Number(int length)
    {
        Span<byte> number = _number.AsSpan(0, length);
        Fill(number);
        return number;
    }
}
