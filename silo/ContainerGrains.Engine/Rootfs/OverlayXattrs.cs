using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Extended attributes of an upper directory: what overlayfs notes there about this host's other directories stays here.</summary>
internal static class OverlayXattrs
{
    private static readonly string[] OfThisHost = ["origin", "impure", "uuid", "upper", "nlink", "index"];

    public static List<(byte[] Name, byte[] Value)> Read(ReadOnlySpan<byte> path)
    {
        var result = new List<(byte[], byte[])>();
        foreach (byte[] name in Xattrs.List(path))
            if (!IsOfThisHost(name) && Xattrs.Get(path, name) is { } value) result.Add((name, value));
        return result;
    }

    /// <summary>Sets these and removes all others.</summary>
    public static void Write(ReadOnlySpan<byte> path, IReadOnlyList<(byte[] Name, byte[] Value)> xattrs)
    {
        foreach (byte[] name in Xattrs.List(path))
        {
            // What a security module put there of its own cannot be removed.
            if (xattrs.Any(x => x.Name.AsSpan().SequenceEqual(name)) || Xattrs.TryRemove(path, name) is >= 0 or -Errno.ENODATA or -Errno.EPERM or -Errno.EACCES) continue;
            throw new LinuxException($"lremovexattr {Encoding.UTF8.GetString(name)}", Errno.EIO, path: Encoding.UTF8.GetString(path));
        }
        foreach ((byte[] name, byte[] value) in xattrs) Result.Check(Xattrs.TrySet(path, name, value), $"lsetxattr {Encoding.UTF8.GetString(name)}", path: Encoding.UTF8.GetString(path));
    }

    /// <summary>A path for the calls that know only paths; what is below a descriptor stays below it, because the caller checked its parts.</summary>
    public static byte[] PathOf(FileDescriptor directory, ReadOnlySpan<byte> name) => [.. Encoding.ASCII.GetBytes($"/proc/self/fd/{directory.Number}/"), .. name];

    private static bool IsOfThisHost(byte[] name)
    {
        string text = Encoding.ASCII.GetString(name);
        return OfThisHost.Any(o => text == "trusted.overlay." + o || text == "user.overlay." + o);
    }
}
