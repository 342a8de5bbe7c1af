using System.Text;

namespace ContainerGrains.Engine;

/// <summary>Raw unix(7) addresses.</summary>
internal static class UnixAddress
{
    public static bool IsUnnamed(byte[] address) => address.Length <= 2;
    public static bool IsAbstract(byte[] address) => address.Length > 2 && address[2] == 0;
    public static bool IsPath(byte[] address) => address.Length > 2 && address[2] != 0;

    public static string Path(byte[] address) => Encoding.UTF8.GetString(address.AsSpan(2)).TrimEnd('\0');
}
