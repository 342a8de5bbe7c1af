using System.Buffers.Binary;
using System.Text;

namespace ContainerGrains.Engine;

/// <summary>Writes the records of a <see cref="DirectoryTransfer"/>, gathered into larger pieces.</summary>
internal sealed class TransferWriter(Stream stream)
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _used;

    public long Written { get; private set; }

    public void Byte(byte value) => Space(1)[0] = value;
    public void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Space(2), value);
    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Space(4), value);
    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Space(8), value);
    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Space(8), value);

    /// <summary>A path of a manifest: its length and its bytes.</summary>
    public void Path(string path)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(path);
        UInt16(checked((ushort)bytes.Length));
        Raw(bytes);
    }

    public void Raw(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= _buffer.Length)
        {
            bytes.CopyTo(Space(bytes.Length));
            return;
        }
        Flush();
        stream.Write(bytes);
        Written += bytes.Length;
    }

    public void Flush()
    {
        stream.Write(_buffer, 0, _used);
        Written += _used;
        _used = 0;
    }

    private Span<byte> Space(int length)
    {
        if (_used + length > _buffer.Length) Flush();
        _used += length;
        return _buffer.AsSpan(_used - length, length);
    }
}
