using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Questions that several rooms ask of a description.</summary>
internal static class OpenFileExtensions
{
    public static bool IsPathOnly(this OpenFile file) => (file.Flags & Linux.Files.O_PATH) != 0;
    public static bool CanRead(this OpenFile file) => (file.Flags & Linux.Files.O_ACCMODE) != Linux.Files.O_WRONLY;
    public static bool CanWrite(this OpenFile file) => (file.Flags & Linux.Files.O_ACCMODE) != Linux.Files.O_RDONLY;

    /// <summary>Other descriptions of the same inode, and this one.</summary>
    public static IEnumerable<OpenFile> SameInode(this OpenFile file, DumpContext context) =>
        context.OpenFiles.Where(f => f.Stat.st_ino == file.Stat.st_ino && f.Stat.st_dev == file.Stat.st_dev);

    /// <summary>"dump: process 7 (redis-server): descriptor 5 (/tmp/x)", for messages.</summary>
    public static string Stage(this OpenFile file) => $"dump: {file.Owner.Title}: {file.Title}";
}
