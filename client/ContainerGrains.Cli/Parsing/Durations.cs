using System.Globalization;

namespace ContainerGrains.Cli.Parsing;

/// <summary>Times in seconds, or with a unit: 5, 0.5, 500ms, 2m.</summary>
internal static class Durations
{
    private const double MaxSeconds = 24 * 3600;

    /// <exception cref="CgException">Usage.</exception>
    public static TimeSpan Parse(string text, string option)
    {
        (string digits, double unit) = text switch
        {
            [.. var number, 'm', 's'] => (number, 0.001),
            [.. var number, 's'] => (number, 1),
            [.. var number, 'm'] => (number, 60),
            _ => (text, 1.0),
        };
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value * unit <= MaxSeconds
            ? TimeSpan.FromSeconds(value * unit)
            : throw CgException.Usage($"'{text}' is not a time for {option}: give seconds, or 500ms, 5s, 2m (a day at most).");
    }
}
