using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The devices of a container's minimal /dev that have no state: null(4), zero, full(4), random(4), urandom.</summary>
public sealed class Device : FileResource<Device.Record>
{
    public sealed record Record(string Path, int Minor);

    private const int MemoryDevices = 1;

    public override string Kind => "device";

    public override bool Owns(OpenFile file) => file.Stat.Type is FileStat.S_IFCHR or FileStat.S_IFBLK && !file.IsPathOnly();

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context) => IsStateless(file.Stat)
        ? null
        : ($"{(file.Stat.Type == FileStat.S_IFBLK ? "block" : "character")} device {file.Stat.RdevMajor}:{file.Stat.RdevMinor} has state that belongs to this host", "close it before the move");

    public override Record Dump(OpenFile file, DumpContext context) => Refuses(file, context) is { } refusal
        ? throw new EngineException(EngineError.NotCarried, file.Stage(), $"{refusal.Reason}; {refusal.Remedy}")
        : new Record(file.Link, file.Stat.RdevMinor);

    public override FileDescriptor Restore(Record record, FileRecord file, RestoreContext context)
    {
        int flags = ContainerPath.OpenFlags(file.Flags);
        // The name it was opened by, or, when that one is gone or was outside, the container's own.
        foreach (string path in (ReadOnlySpan<string>)[record.Path, Name(record.Minor, file)])
        {
            long opened = Linux.Files.TryOpenInRoot(context.Root, path, flags);
            if (opened < 0) continue;
            var fd = new FileDescriptor(opened);
            FileStat stat = Linux.Files.Stat(fd.Number, path);
            if (IsStateless(stat) && stat.RdevMinor == record.Minor) return fd;
            fd.Dispose();
        }
        throw file.Mismatch($"{Name(record.Minor, file)} is not that device in the container on this host");
    }

    private static bool IsStateless(FileStat stat) => stat.Type == FileStat.S_IFCHR && stat.RdevMajor == MemoryDevices && stat.RdevMinor is (3 or 5 or 7 or 8 or 9);

    private static string Name(int minor, FileRecord file) => minor switch
    {
        3 => "/dev/null",
        5 => "/dev/zero",
        7 => "/dev/full",
        8 => "/dev/random",
        9 => "/dev/urandom",
        _ => throw new EngineException(EngineError.BadImage, file.Stage(), $"memory device {minor} is none that a container has"),
    };
}
