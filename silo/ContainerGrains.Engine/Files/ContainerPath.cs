using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Paths inside the container, as /proc/PID/fd shows them.</summary>
internal static class ContainerPath
{
    /// <summary>What is at a path, links not followed; null when there is nothing.</summary>
    public static FileStat? Stat(FileDescriptor root, string path)
    {
        long fd = Linux.Files.TryOpenInRoot(root, path, Linux.Files.O_PATH | Linux.Files.O_NOFOLLOW);
        if (fd < 0) return null;
        using var file = new FileDescriptor(fd);
        return Linux.Files.Stat(file.Number, path);
    }

    /// <summary>Whether a path leads to this very file.</summary>
    public static bool LeadsTo(FileDescriptor root, string path, FileStat file) =>
        path.StartsWith('/') && Stat(root, path) is { } found && found.st_dev == file.st_dev && found.st_ino == file.st_ino;

    /// <summary>
    /// The flags with which a description is opened again: creation flags have done their work (O_TMPFILE stays in a description's
    /// flags), and no open may wait; the engine sets the status flags right afterwards.
    /// </summary>
    public static int OpenFlags(int flags)
    {
        const int creation = Linux.Files.O_CREAT | Linux.Files.O_EXCL | Linux.Files.O_TRUNC;
        bool isTemporary = (flags & Linux.Files.O_TMPFILE) == Linux.Files.O_TMPFILE;
        return flags & ~(isTemporary ? creation | Linux.Files.O_TMPFILE : creation) | Linux.Files.O_NOCTTY | Linux.Files.O_NONBLOCK;
    }

    /// <summary>Opens a path of the container again.</summary>
    /// <exception cref="EngineException">FileMismatch: it is not there, or cannot be opened so.</exception>
    public static FileDescriptor Open(RestoreContext context, FileRecord file, string path, int flags)
    {
        long fd = Linux.Files.TryOpenInRoot(context.Root, path, flags);
        if (fd < 0) throw file.Mismatch($"{path} cannot be opened here ({Errno.Name((int)-fd)}); the same root file system and volumes must be on this host");
        return new FileDescriptor(fd);
    }

    /// <summary>Another description of what a descriptor of ours refers to, whatever its name; the link in /proc must be followed.</summary>
    public static FileDescriptor Reopen(FileDescriptor file, int flags) => Linux.Files.Open($"/proc/self/fd/{file.Number}", flags & ~Linux.Files.O_NOFOLLOW);

    /// <summary>A failed restore of one description because something on this host is not what it was on the other.</summary>
    public static EngineException Mismatch(this FileRecord file, string reason) => new(EngineError.FileMismatch, file.Stage(), reason);

    /// <summary>"restore: descriptor 5 of process 7 (regular)", for messages.</summary>
    public static string Stage(this FileRecord file) => file.Users is [var user, ..]
        ? $"restore: descriptor {user.Number} of process {user.VirtualPid} ({file.Kind})"
        : $"restore: file {file.Id} ({file.Kind})";
}
