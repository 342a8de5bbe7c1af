using System.Globalization;

namespace ContainerGrains.Cli.Output;

/// <summary>Numbers and times as people read them.</summary>
internal static class Human
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    public static string Bytes(long bytes)
    {
        double value = bytes;
        int unit = 0;
        for (; value >= 1024 && unit < Units.Length - 1; unit++)
            value /= 1024;
        return unit == 0 ? $"{bytes} B" : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}");
    }

    public static string Ms(double ms) => ms >= 10_000
        ? string.Create(CultureInfo.InvariantCulture, $"{ms / 1000:0.0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{ms:0.0} ms");

    public static string Seconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s");

    public static string Count(long count) => count.ToString("#,0", CultureInfo.InvariantCulture).Replace(',', ' ');

    public static string Ago(DateTimeOffset then, DateTimeOffset now)
    {
        double seconds = Math.Max(0, (now - then).TotalSeconds);
        return seconds switch
        {
            < 60 => Many((int)seconds, "second"),
            < 3600 => Many((int)(seconds / 60), "minute"),
            < 48 * 3600 => Many((int)(seconds / 3600), "hour"),
            _ => Many((int)(seconds / 86_400), "day"),
        };
    }

    public static string Cut(string text, int length) => text.Length <= length ? text : string.Concat(text.AsSpan(0, length - 1), "…");

    /// <summary>A command as one could type it, on one line: what would break a table is shown as a blank.</summary>
    public static string Command(IEnumerable<string> args) =>
        string.Concat(string.Join(' ', args.Select(Quote)).Select(c => char.IsControl(c) ? ' ' : c));

    private static string Quote(string arg) =>
        arg.Length > 0 && arg.All(c => char.IsLetterOrDigit(c) || "-_./:=@%+,".Contains(c, StringComparison.Ordinal)) ? arg : $"'{arg.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string Many(int count, string unit) => count == 1 ? $"1 {unit} ago" : $"{count} {unit}s ago";
}
