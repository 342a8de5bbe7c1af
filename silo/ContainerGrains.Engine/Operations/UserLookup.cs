using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A user of the container: from numbers, or from its own /etc/passwd and /etc/group (passwd(5), group(5)).</summary>
internal sealed record UserLookup(int Uid, int Gid, IReadOnlyList<int> Groups, string Home)
{
    /// <param name="user">"uid", "uid:gid", "name" or "name:group".</param>
    /// <exception cref="EngineException">InvalidConfig: no such user or group in the container.</exception>
    public static UserLookup Find(FileDescriptor root, string user)
    {
        string[] parts = user.Split(':', 2);
        string[][] passwd = ReadTable(root, "/etc/passwd"), group = ReadTable(root, "/etc/group");
        string[]? entry = passwd.FirstOrDefault(e => e.Length >= 6 && (e[0] == parts[0] || e[2] == parts[0]));
        if (!int.TryParse(parts[0], out int uid) && !int.TryParse(entry?[2], out uid))
            throw new EngineException(EngineError.InvalidConfig, "create: user", $"the container has no user '{parts[0]}' in /etc/passwd; use a number or another root file system");
        int gid = entry is not null && int.TryParse(entry[3], out int primary) ? primary : 0;
        if (parts.Length > 1 && !int.TryParse(parts[1], out gid))
        {
            string[]? named = group.FirstOrDefault(e => e.Length >= 3 && e[0] == parts[1]);
            if (!int.TryParse(named?[2], out gid))
                throw new EngineException(EngineError.InvalidConfig, "create: user", $"the container has no group '{parts[1]}' in /etc/group; use a number or another root file system");
        }
        List<int> groups = parts.Length > 1 || entry is null
            ? []
            : [.. group.Where(e => e.Length >= 4 && e[3].Split(',').Contains(entry[0])).Select(e => int.TryParse(e[2], out int id) ? id : -1).Where(id => id >= 0)];
        return new UserLookup(uid, gid, groups, entry?[5] ?? "/");
    }

    private static string[][] ReadTable(FileDescriptor root, string path)
    {
        long fd = Linux.Files.TryOpenInRoot(root, path, Linux.Files.O_RDONLY);
        if (fd < 0) return [];
        using var file = new FileDescriptor(fd);
        return [.. Linux.Files.ReadText($"/proc/self/fd/{file.Number}").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(':'))];
    }
}
