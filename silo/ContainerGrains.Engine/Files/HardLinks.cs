using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Another name of a file whose first one is gone.</summary>
internal static class HardLinks
{
    private const int LookAtMost = 10_000;

    /// <summary>A name in this directory that leads to the file; null when there is none among the first 10,000.</summary>
    public static string? FindIn(FileDescriptor root, string directory, FileStat file)
    {
        long fd = Linux.Files.TryOpenInRoot(root, directory, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);
        if (fd < 0) return null;
        using var opened = new FileDescriptor(fd);
        return DirectoryEntries.Read(opened.Number).Where(e => e.Type is DirectoryEntries.DT_REG or DirectoryEntries.DT_UNKNOWN).Take(LookAtMost)
            .Select(e => $"{directory.TrimEnd('/')}/{e.Name}").FirstOrDefault(path => ContainerPath.LeadsTo(root, path, file));
    }
}
