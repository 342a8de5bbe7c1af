using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>
/// Messages of netlink(7) for one send: each a header, a family's fixed part, and attributes. The kernel takes them in order
/// and goes on after one that fails.
/// </summary>
internal sealed class NetlinkBatch
{
    public const ushort NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_ROOT = 0x100, NLM_F_MATCH = 0x200, NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH,
        NLM_F_REPLACE = 0x100, NLM_F_EXCL = 0x200, NLM_F_CREATE = 0x400;
    private const int HeaderLength = 16;
    private byte[] _buffer = new byte[1024];
    private int _length;
    private int _message = -1;
    private readonly List<string> _names = [];

    /// <summary>What the messages are for, in their order: an error names its own.</summary>
    public IReadOnlyList<string> Names => _names;

    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>Begins a message; its sequence number is its place in the batch, counted from 1.</summary>
    public NetlinkBatch Message<T>(string name, ushort type, ushort flags, in T header) where T : unmanaged
    {
        _names.Add(name);
        _message = _length;
        Span<byte> start = Reserve(HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(start[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(start[6..], (ushort)(NLM_F_REQUEST | flags));
        BinaryPrimitives.WriteInt32LittleEndian(start[8..], _names.Count);
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in header)).CopyTo(Reserve(Marshal.SizeOf<T>()));
        Close(_message);
        return this;
    }

    public NetlinkBatch Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        int start = _length;
        Span<byte> span = Reserve(4 + value.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(span, (ushort)span.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(span[2..], type);
        value.CopyTo(span[4..]);
        _length = start + Align(span.Length);
        Close(_message);
        return this;
    }

    public NetlinkBatch Attribute(ushort type, uint value) => Attribute(type, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    public NetlinkBatch Attribute(ushort type, int value) => Attribute(type, (uint)value);

    public NetlinkBatch Attribute(ushort type, string value) => Attribute(type, Encoding.UTF8.GetBytes(value + '\0'));

    /// <summary>An attribute that holds what <paramref name="content"/> writes.</summary>
    public NetlinkBatch Nested(ushort type, Action<NetlinkBatch> content)
    {
        int start = _length;
        Attribute(type, []);
        content(this);
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(start), (ushort)(_length - start));
        return this;
    }

    /// <summary>A fixed part inside an attribute, as VETH_INFO_PEER has.</summary>
    public NetlinkBatch Raw<T>(in T value) where T : unmanaged
    {
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).CopyTo(Reserve(Marshal.SizeOf<T>()));
        Close(_message);
        return this;
    }

    private static int Align(int length) => (length + 3) & ~3;

    private void Close(int message) => BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(message), _length - message);

    private Span<byte> Reserve(int count)
    {
        int start = _length;
        if (Align(start + count) > _buffer.Length) Array.Resize(ref _buffer, Align(start + count) * 2);
        _length += count;
        return _buffer.AsSpan(start, count);
    }
}
