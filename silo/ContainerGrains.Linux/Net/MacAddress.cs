using System.Security.Cryptography;
using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>An Ethernet address, 6 bytes.</summary>
public readonly record struct MacAddress
{
    private readonly ulong _value;

    /// <exception cref="ArgumentException">Not 6 bytes.</exception>
    public MacAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != 6) throw new ArgumentException($"An Ethernet address has 6 bytes, not {bytes.Length}.", nameof(bytes));
        foreach (byte b in bytes)
            _value = (_value << 8) | b;
    }

    public static MacAddress Broadcast { get; } = new([255, 255, 255, 255, 255, 255]);

    /// <summary>Locally administered, unicast, and always the same for a name: an address that a container keeps wherever it goes.</summary>
    public static MacAddress FromName(string name)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(name), hash);
        hash[0] = (byte)((hash[0] & 0xfc) | 0x02);
        return new MacAddress(hash[..6]);
    }

    public byte[] ToBytes() =>
        [(byte)(_value >> 40), (byte)(_value >> 32), (byte)(_value >> 24), (byte)(_value >> 16), (byte)(_value >> 8), (byte)_value];

    public override string ToString() => string.Join(':', ToBytes().Select(b => b.ToString("x2")));
}
