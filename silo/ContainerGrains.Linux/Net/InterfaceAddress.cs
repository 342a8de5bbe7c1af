using System.Net;
using System.Net.Sockets;

namespace ContainerGrains.Linux.Net;

/// <summary>An address and the length of its network's prefix: "10.88.0.5/16".</summary>
public sealed record InterfaceAddress(IPAddress Address, int PrefixLength)
{
    /// <exception cref="FormatException">Not ADDRESS/PREFIX.</exception>
    public static InterfaceAddress Parse(string text)
    {
        int slash = text.IndexOf('/');
        if (slash > 0 && IPAddress.TryParse(text.AsSpan(0, slash), out IPAddress? address)
            && int.TryParse(text.AsSpan(slash + 1), out int prefix) && prefix >= 0 && prefix <= Bits(address))
            return new InterfaceAddress(address, prefix);
        throw new FormatException($"'{text}' is not an address with a prefix, as 10.88.0.5/16 is.");
    }

    private static int Bits(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32;

    public override string ToString() => $"{Address}/{PrefixLength}";
}
