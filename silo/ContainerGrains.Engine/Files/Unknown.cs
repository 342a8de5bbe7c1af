using System.Text.Json.Nodes;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The last room: what no other one owns is refused by name, with what the user can do.</summary>
public sealed class Unknown : FileResource<JsonObject>
{
    private static readonly (string Link, string Reason, string Remedy)[] Known =
    [
        ("anon_inode:[io_uring]", "io_uring instances are not carried yet", "configure the program to use epoll (for example UV_USE_IO_URING=0, DOTNET_SYSTEM_NET_SOCKETS_IO_URING=0)"),
        ("anon_inode:[perf_event]", "perf counters belong to this host's processor", "stop the profiler"),
        ("anon_inode:bpf-", "BPF objects are not carried", "unload them before the move"),
        ("anon_inode:bpf_", "BPF objects are not carried", "unload them before the move"),
        ("anon_inode:btf", "BPF objects are not carried", "unload them before the move"),
        ("anon_inode:[userfaultfd]", "user fault handling is not carried", "stop the debugger or the library that uses userfaultfd"),
        ("anon_inode:[fanotify]", "fanotify watches whole mounts of this host", "use inotify"),
        ("anon_inode:[landlock-ruleset]", "an unfinished Landlock rule set cannot be read back", "close it after landlock_restrict_self"),
        ("anon_inode:seccomp notify", "a seccomp listener is not carried", "move the container when the supervised program has ended"),
        ("anon_inode:kvm-", "virtual machines are not carried", "stop the virtual machine"),
        ("anon_inode:[fscontext]", "a mount in the making is not carried", "finish or close it"),
        ("/secretmem", "memfd_secret memory is hidden from the host on purpose", "use memfd_create"),
        ("socket:[", "this kind of socket is not carried yet", "close it before the move"),
    ];

    public override string Kind => "unknown";

    public override bool Owns(OpenFile file) => true;

    public override (string Reason, string Remedy)? Refuses(OpenFile file, DumpContext context)
    {
        (string Link, string Reason, string Remedy) known = Known.FirstOrDefault(k => file.Link.StartsWith(k.Link, StringComparison.Ordinal));
        if (known.Link is not null) return (known.Reason, known.Remedy);
        if (FileSystems.TypeOf(file.Fd.Number) == FileSystems.MQUEUE_MAGIC) return ("POSIX message queues are not carried yet", "close it, and remove the queue");
        return ($"{file.Link} is of a kind that is not carried (type 0{Convert.ToString(file.Stat.Type, 8)}, {file.Stat.st_nlink} names)", "close it before the move");
    }

    public override JsonObject Dump(OpenFile file, DumpContext context)
    {
        (string reason, string remedy) = Refuses(file, context)!.Value;
        throw new EngineException(EngineError.NotCarried, file.Stage(), $"{reason}; {remedy}");
    }

    public override FileDescriptor Restore(JsonObject record, FileRecord file, RestoreContext context) => throw new EngineException(EngineError.BadImage, file.Stage(), "an image cannot hold a file of unknown kind");
}
