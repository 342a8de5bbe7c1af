using System.Buffers.Binary;
using System.Net;

namespace ContainerGrains.Grains;

/// <summary>Picks free addresses of a subnet. It goes round, so that an address rests before it is given again. Pure.</summary>
public sealed class AddressPool
{
    private readonly uint _base;
    private readonly int _prefix;
    private readonly int _first;
    private readonly int _last;

    public AddressPool(NetworkOptions options)
    {
        IPNetwork network = IPNetwork.Parse(options.Subnet);
        _base = BinaryPrimitives.ReadUInt32BigEndian(network.BaseAddress.GetAddressBytes());
        _prefix = network.PrefixLength;
        _first = options.FirstOffset;
        // The last address of a network is its broadcast address.
        _last = (int)Math.Min((1L << (32 - _prefix)) - 2, int.MaxValue);
    }

    /// <summary>A free offset after <paramref name="previous"/>.</summary>
    /// <exception cref="ContainerException">NoCapacity.</exception>
    public int Next(int previous, IReadOnlySet<int> used)
    {
        int count = _last - _first + 1;
        int start = previous >= _first && previous < _last ? previous + 1 - _first : 0;
        for (int step = 0; step < count; step++)
        {
            int offset = _first + (start + step) % count;
            // x.y.z.0 and x.y.z.255 are legal in a wider network, but some programs do not believe it.
            if ((_base + (uint)offset & 0xff) is not (0 or 255) && !used.Contains(offset))
                return offset;
        }
        throw new ContainerException(ContainerErrorCode.NoCapacity,
            $"All {count} addresses of the containers' network are in use; remove containers or widen Network:Subnet.");
    }

    /// <summary>"10.88.1.5/16" of an offset.</summary>
    public string Format(int offset)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, _base + (uint)offset);
        return $"{new IPAddress(bytes)}/{_prefix}";
    }
}
