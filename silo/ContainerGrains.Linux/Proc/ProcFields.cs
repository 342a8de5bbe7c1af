using System.Globalization;

namespace ContainerGrains.Linux;

/// <summary>"key: value" lines of /proc: status, fdinfo, limits-like files. Values are checked when asked for.</summary>
public sealed class ProcFields
{
    private readonly Dictionary<string, string> _fields = [];
    private readonly string _path;

    public ProcFields(string path, string text)
    {
        _path = path;
        Lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (string line in Lines)
        {
            int colon = line.IndexOf(':');
            if (colon > 0) _fields.TryAdd(line[..colon].Trim(), line[(colon + 1)..].Trim());
        }
    }

    public static ProcFields Read(string path) => new(path, Files.ReadText(path));

    /// <summary>All lines, for files whose keys repeat (epoll's tfd, inotify's wd, lock).</summary>
    public IReadOnlyList<string> Lines { get; }

    public bool Has(string key) => _fields.ContainsKey(key);

    /// <exception cref="LinuxException">EBADMSG: the kernel's file has no such line.</exception>
    public string this[string key] => _fields.TryGetValue(key, out string? value) ? value : throw new LinuxException($"no '{key}'", Errno.EBADMSG, path: _path);

    public int Int32(string key) => int.Parse(this[key], CultureInfo.InvariantCulture);
    public long Int64(string key) => long.Parse(this[key].Split(' ', '\t')[0], CultureInfo.InvariantCulture);
    public ulong Hex(string key) => ulong.Parse(Trim0x(this[key]), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    public int Octal(string key) => Convert.ToInt32(this[key], 8);
    public int[] Int32s(string key) => [.. this[key].Split((char[])['\t', ' '], StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

    /// <summary>"(seconds, nanoseconds)" as timerfd prints it; nanoseconds.</summary>
    public long TimeSpec(string key)
    {
        string[] parts = this[key].Trim('(', ')').Split(',');
        return long.Parse(parts[0], CultureInfo.InvariantCulture) * 1_000_000_000 + long.Parse(parts[1], CultureInfo.InvariantCulture);
    }

    private static string Trim0x(string text) => text.StartsWith("0x", StringComparison.Ordinal) ? text[2..] : text;
}
