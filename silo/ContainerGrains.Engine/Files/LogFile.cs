using System.Globalization;
using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A file of the container's logs directory on the host: standard output and error of its programs, input and output of an exec.
/// Opened by the engine, so its path is the host's; it moves with the container and is found by its name below that directory.
/// </summary>
public sealed class LogFile : FileResource<LogFile.Record>
{
    /// <param name="Name">Path below the logs directory.</param>
    public sealed record Record(string Name, uint Mode, uint Uid, uint Gid);

    public override string Kind => "log";

    public override bool Owns(OpenFile file) =>
        file.Stat.Type == FileStat.S_IFREG && file.Stat.st_nlink > 0 && !file.IsPathOnly() && file.Link.Contains("/logs/", StringComparison.Ordinal) && IsOutside(file);

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => NameOf(file, context) is null
        ? ("the file was opened outside of the container and is none of its logs", "give the program only files of the container")
        : null;

    public override Record Dump(OpenFile file, DumpContext context) => new(
        NameOf(file, context) ?? throw new EngineException(EngineError.NotCarried, file.Stage(), "the file is outside of the container and none of its logs"),
        file.Stat.st_mode, file.Stat.st_uid, file.Stat.st_gid);

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        using FileDescriptor logs = Linux.Files.Open(Logs(context.Directory), Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);
        byte[] name = Encoding.UTF8.GetBytes(record.Name);
        int flags = ContainerPath.OpenFlags(file.Flags);
        long fd = DirectoryCalls.TryOpenBeneath(logs.Number, name, flags);
        // A log that nothing was written to may not have come along.
        if (fd == -Errno.ENOENT && (file.Flags & Linux.Files.O_ACCMODE) != Linux.Files.O_RDONLY)
        {
            fd = DirectoryCalls.TryOpenBeneath(logs.Number, name, flags | Linux.Files.O_CREAT, record.Mode & 0xFFF);
            if (fd >= 0) Kernel.Call("fchown", Syscall.fchown, fd, record.Uid, record.Gid, path: record.Name);
        }
        return fd >= 0 ? new FileDescriptor(fd) : throw file.Mismatch($"log {record.Name} cannot be opened on this host ({Errno.Name((int)-fd)})");
    }

    private static string Logs(string directory) => directory + "/logs";

    private static string? NameOf(OpenFile file, DumpContext context)
    {
        string prefix = Logs(context.Directory) + "/";
        if (!file.Link.StartsWith(prefix, StringComparison.Ordinal)) return null;
        return Linux.Files.TryStat(file.Link) is { } stat && stat.st_ino == file.Stat.st_ino && stat.st_dev == file.Stat.st_dev ? file.Link[prefix.Length..] : null;
    }

    // Its mount is none of those that the process can see.
    private static bool IsOutside(OpenFile file)
    {
        string mount = file.Info.Int32("mnt_id").ToString(CultureInfo.InvariantCulture) + " ";
        return !Linux.Files.ReadText($"/proc/{file.Owner.Pid}/mountinfo").Split('\n').Any(line => line.StartsWith(mount, StringComparison.Ordinal));
    }
}
