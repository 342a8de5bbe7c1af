using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Finds the path of a watched inode. First where programs mostly watch: what they have open, where they are. Then by the file handle
/// that the kernel prints: on a plain file system it can be opened; overlayfs prints one that cannot, but inside of it is the handle of
/// the real file in the upper or lower directory. Every find is proved by a watch of our own that must print the same inode.
/// </summary>
internal static class WatchedPaths
{
    public static string? Find(WatchedInode watch, DumpContext context) =>
        context.Once(("watched", watch.Device, watch.Inode), () => new Found(Search(watch, context))).Path;

    private sealed record Found(string? Path);

    private static string? Search(WatchedInode watch, DumpContext context)
    {
        foreach (string path in ByHandle(watch, context))
            if (Leads(path, watch, context)) return path;
        foreach (string path in Likely(context))
            if (Leads(path, watch, context)) return path;
        return null;
    }

    private static IEnumerable<string> Likely(DumpContext context) => context.Once("watched-likely", () =>
    {
        var paths = new HashSet<string>(["/"], StringComparer.Ordinal);
        foreach (TaskDump task in context.Tasks)
            if (Linux.Files.ReadLink($"/proc/{task.Pid}/cwd") is { } cwd) paths.Add(cwd);
        foreach (OpenFile file in context.OpenFiles.Where(f => f.Link.StartsWith('/')))
        {
            paths.Add(file.Link);
            paths.Add(file.Link[..Math.Max(1, file.Link.LastIndexOf('/'))]);
        }
        return paths.ToArray();
    });

    private static IEnumerable<string> ByHandle(WatchedInode watch, DumpContext context)
    {
        if (watch.Handle.Length == 0) return [];
        const int OVL_FILEID_V1 = 0xF8;
        return watch.HandleType == OVL_FILEID_V1 ? ByOverlayHandle(watch, context) : ByPlainHandle(watch, context);
    }

    private static IEnumerable<string> ByPlainHandle(WatchedInode watch, DumpContext context)
    {
        string device = $"{watch.Device >> 20}:{watch.Device & 0xFFFFF}";
        foreach (string mount in Mounts(context).Where(m => m.Device == device).Select(m => m.Path))
        {
            long opened = Linux.Files.TryOpenInRoot(context.Root, mount, Linux.Files.O_RDONLY | Linux.Files.O_NONBLOCK);
            if (opened < 0) continue;
            using var fd = new FileDescriptor(opened);
            if (PathOf(fd, watch.HandleType, watch.Handle) is { } path) yield return path;
        }
    }

    // struct ovl_fh: 3 bytes of padding; version 0, magic 0xfb, length, flags, type, 16 bytes of uuid, and the real handle.
    private static IEnumerable<string> ByOverlayHandle(WatchedInode watch, DumpContext context)
    {
        const int header = 3 + 5 + 16;
        const byte magic = 0xFB, OVL_FH_FLAG_PATH_UPPER = 4;
        if (watch.Handle.Length <= header || watch.Handle[4] != magic) yield break;
        string layer = (watch.Handle[6] & OVL_FH_FLAG_PATH_UPPER) != 0 ? context.Directory + "/upper" : context.Config.Rootfs;
        // The directory may be named by links; the kernel's answer is not.
        using FileDescriptor fd = Linux.Files.Open(layer, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);
        string prefix = (Linux.Files.ReadLink($"/proc/self/fd/{fd.Number}") ?? layer).TrimEnd('/');
        if (PathOf(fd, watch.Handle[7], watch.Handle[header..]) is { } path && path.StartsWith(prefix, StringComparison.Ordinal))
            yield return path.Length == prefix.Length ? "/" : path[prefix.Length..];
    }

    private static string? PathOf(FileDescriptor mount, int type, byte[] handle)
    {
        long opened = Inotifies.TryOpenByHandle(mount.Number, type, handle);
        if (opened < 0) return null;
        using var fd = new FileDescriptor(opened);
        return Linux.Files.ReadLink($"/proc/self/fd/{fd.Number}");
    }

    private static bool Leads(string path, WatchedInode watch, DumpContext context)
    {
        long opened = Linux.Files.TryOpenInRoot(context.Root, path, Linux.Files.O_PATH | Linux.Files.O_NOFOLLOW);
        if (opened < 0) return false;
        using var fd = new FileDescriptor(opened);
        FileDescriptor probe = context.Once("watched-probe", Inotifies.Create);
        int number = Inotifies.Watch(probe.Number, fd.Number, Inotifies.IN_DELETE_SELF);
        WatchedInode seen = ProcFields.Read($"/proc/self/fdinfo/{probe.Number}").Lines.Where(l => l.StartsWith("inotify ", StringComparison.Ordinal)).Select(WatchedInode.ParseLine).First(w => w.Number == number);
        Inotifies.Remove(probe.Number, number);
        return seen.Inode == watch.Inode && seen.Device == watch.Device;
    }

    // "36 35 98:0 /mnt1 /mnt2 rw,noatime …"; spaces in paths are \040.
    private static (string Device, string Path)[] Mounts(DumpContext context) => context.Once("watched-mounts", () => Linux.Files.ReadText($"/proc/{context.InitPid}/mountinfo")
        .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).Select(words => (words[2], Unescape(words[4]))).ToArray());

    private static string Unescape(string path)
    {
        if (!path.Contains('\\')) return path;
        var text = new System.Text.StringBuilder();
        for (int i = 0; i < path.Length; i++)
        {
            bool escaped = path[i] == '\\' && i + 3 < path.Length;
            text.Append(escaped ? (char)Convert.ToInt32(path.Substring(i + 1, 3), 8) : path[i]);
            if (escaped) i += 3;
        }
        return text.ToString();
    }
}
