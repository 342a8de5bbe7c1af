using System.Globalization;

namespace ContainerGrains.Linux;

/// <summary>One line of /proc/PID/maps (proc_pid_maps(5)).</summary>
/// <param name="Permissions">"rwxp" or "rwxs".</param>
/// <param name="Device">st_dev as major:minor text.</param>
public sealed record MapEntry(ulong Start, ulong End, string Permissions, ulong Offset, string Device, ulong Inode, string Path)
{
    public ulong Length => End - Start;
    public bool Shared => Permissions[3] == 's';
    public int Protection => (Permissions[0] == 'r' ? 1 : 0) | (Permissions[1] == 'w' ? 2 : 0) | (Permissions[2] == 'x' ? 4 : 0);

    /// <summary>What PR_SET_VMA_ANON_NAME gave it, or null: "[anon:NAME]", of shared memory "[anon_shmem:NAME]".</summary>
    public string? AnonymousName => Named("[anon:") ?? Named("[anon_shmem:");

    private string? Named(string prefix) => Path.StartsWith(prefix, StringComparison.Ordinal) && Path.EndsWith(']') ? Path[prefix.Length..^1] : null;

    public static List<MapEntry> Read(int pid)
    {
        var entries = new List<MapEntry>();
        foreach (string line in Files.ReadText($"/proc/{pid}/maps").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            entries.Add(Parse(line));
        return entries;
    }

    /// <summary>Parses the head line of maps and of each smaps entry.</summary>
    public static MapEntry Parse(string line)
    {
        string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        int dash = parts[0].IndexOf('-');
        return new MapEntry(Hex(parts[0].AsSpan(0, dash)), Hex(parts[0].AsSpan(dash + 1)), parts[1], Hex(parts[2]), parts[3],
            ulong.Parse(parts[4], CultureInfo.InvariantCulture), parts.Length > 5 ? parts[5].TrimStart().Replace("\\012", "\n") : "");
    }

    private static ulong Hex(ReadOnlySpan<char> text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
