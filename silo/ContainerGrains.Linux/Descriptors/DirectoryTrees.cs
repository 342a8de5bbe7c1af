using System.Text;

namespace ContainerGrains.Linux;

/// <summary>Removes whatever a name stands for; names need not be UTF-8, and no link is followed.</summary>
public static class DirectoryTrees
{
    public static void Remove(string path) => Remove(Files.AT_FDCWD, Encoding.UTF8.GetBytes(path));

    /// <summary>A name that is not there is no error. A tree is as deep as a path is long, 2,048 levels at most.</summary>
    public static void Remove(int directory, ReadOnlySpan<byte> name)
    {
        long result = DirectoryCalls.TryUnlink(directory, name);
        if (result == -Errno.EISDIR) RemoveDirectory(directory, name);
        else if (result != -Errno.ENOENT) Result.Check(result, "unlinkat", path: Encoding.UTF8.GetString(name));
    }

    private static void RemoveDirectory(int parent, ReadOnlySpan<byte> name)
    {
        string text = Encoding.UTF8.GetString(name);
        using (var opened = new FileDescriptor(Result.Check(DirectoryCalls.TryOpenAt(parent, name, Files.O_RDONLY | Files.O_DIRECTORY | Files.O_NOFOLLOW), "openat", path: text)))
            foreach (DirectoryEntries.Entry entry in DirectoryEntries.Read(opened.Number).ToList()) Remove(opened.Number, entry.RawName);
        Result.Check(DirectoryCalls.TryUnlink(parent, name, isDirectory: true), "unlinkat", path: text);
    }
}
