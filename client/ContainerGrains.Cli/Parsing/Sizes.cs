using System.Globalization;

namespace ContainerGrains.Cli.Parsing;

/// <summary>Sizes as podman takes them: 512m, 1.5g, 1048576.</summary>
internal static class Sizes
{
    /// <exception cref="CgException">Usage.</exception>
    public static long Parse(string text, string option)
    {
        string digits = text.TrimEnd('b', 'B', 'i');
        (digits, double unit) = digits.Length == 0 ? (digits, 1) : char.ToLowerInvariant(digits[^1]) switch
        {
            'k' => (digits[..^1], 1 << 10),
            'm' => (digits[..^1], 1 << 20),
            'g' => (digits[..^1], 1 << 30),
            't' => (digits[..^1], 1L << 40),
            _ => (digits, 1.0),
        };
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value * unit is >= 1 and < long.MaxValue
            ? (long)(value * unit)
            : throw CgException.Usage($"'{text}' is not a size for {option}: give bytes, or a number with k, m or g (512m).");
    }
}
