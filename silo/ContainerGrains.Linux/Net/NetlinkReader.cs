using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>The attributes of one message, or of one attribute; every length is checked, what is cut short ends the walk.</summary>
internal ref struct NetlinkReader(ReadOnlySpan<byte> bytes)
{
    private const ushort TypeMask = 0x3fff;
    private ReadOnlySpan<byte> _rest = bytes;

    public ushort Type { get; private set; }
    public ReadOnlySpan<byte> Value { get; private set; }

    public bool Next()
    {
        if (_rest.Length < 4) return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < 4 || length > _rest.Length) return false;
        Type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & TypeMask);
        Value = _rest[4..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }

    public readonly uint UInt32 => Value.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(Value) : 0;

    public readonly byte Byte => Value.Length >= 1 ? Value[0] : (byte)0;

    public readonly string Text => Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    /// <summary>A fixed part at the start of a message; default when the message is too short.</summary>
    public static T Header<T>(ReadOnlySpan<byte> bytes) where T : unmanaged => MemoryMarshal.TryRead(bytes, out T value) ? value : default;
}
