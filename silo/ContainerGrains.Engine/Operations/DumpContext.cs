using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// What a room may ask while a container is dumped: the frozen tree, its files, its namespaces. Rooms never call each other;
/// they ask this. Belongs to the operation's thread.
/// </summary>
public sealed class DumpContext(ContainerConfig config, string directory, int initPid)
{
    private readonly List<byte[]> _blobs = [];
    private readonly Dictionary<object, object> _shared = [];
    private readonly ThawActions _thaw = new();

    public ContainerConfig Config { get; } = config;

    /// <summary>The container's directory on this host (upper, logs …).</summary>
    public string Directory { get; } = directory;

    /// <summary>Real pid of the container's init.</summary>
    public int InitPid { get; } = initPid;

    /// <summary>The container's root directory, as seen by its init (O_PATH).</summary>
    public FileDescriptor Root { get; } = Linux.Files.Open($"/proc/{initPid}/root", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);

    /// <summary>The container's network namespace.</summary>
    public FileDescriptor NetworkNamespace { get; } = Linux.Files.Open($"/proc/{initPid}/ns/net", Linux.Files.O_RDONLY);

    /// <summary>Processes that the container's may look at; they last as long as the operation says.</summary>
    internal Bystanders Bystanders { get; init; } = new(initPid);

    /// <summary>All processes, parents before children.</summary>
    public List<TaskDump> Tasks { get; } = [];

    /// <summary>All open files, each description once.</summary>
    public List<OpenFile> OpenFiles { get; } = [];

    /// <summary>The description behind a process's descriptor; null when it has none.</summary>
    public OpenFile? FileOf(TaskDump task, int fd) => task.Descriptors.GetValueOrDefault(fd)?.File;

    /// <summary>The open description with this socket, pipe or memfd inode in a given st_dev; null when nobody in the container has it open.</summary>
    public OpenFile? FileByInode(ulong device, ulong inode) => OpenFiles.FirstOrDefault(f => f.Stat.st_dev == device && f.Stat.st_ino == inode);

    /// <summary>Files without a name whose contents travel with the memory that maps them: (st_dev, st_ino).</summary>
    public HashSet<(ulong Device, ulong Inode)> CarriedByMemory { get; } = [];

    /// <summary>The virtual pid (in the container) of a real pid; null when it is not in the container.</summary>
    public int? VirtualPid(int realPid) => Tasks.FirstOrDefault(t => t.Pid == realPid)?.VirtualPid;

    /// <summary>Keeps bytes that are too long for a record (queues, contents) and returns their number in the image.</summary>
    public int AddBlob(byte[] bytes)
    {
        _blobs.Add(bytes);
        return _blobs.Count - 1;
    }

    public IReadOnlyList<byte[]> Blobs => _blobs;

    /// <summary>Something computed once for the whole dump, such as a sock_diag listing.</summary>
    public T Once<T>(object key, Func<T> create) where T : notnull
    {
        if (!_shared.TryGetValue(key, out object? value)) _shared.Add(key, value = create());
        return (T)value;
    }

    /// <summary>The processes run again: what was computed <see cref="Once{T}"/> is not so any more.</summary>
    internal void Forget() => _shared.Clear();

    /// <summary>
    /// Takes back what a dump did to a resource. Called when the container thaws here, also after a dump that failed in the
    /// middle, and never when it has moved; so register it before the resource is touched.
    /// </summary>
    public void OnThaw(Action action) => _thaw.Add(action);

    /// <summary>Some of these actions run calls inside a process, whose agent has gone by then.</summary>
    public bool ThawsInside { get; set; }

    /// <summary>Runs the actions of <see cref="OnThaw"/>, the last first, just before the processes run again; all of them, whatever fails.</summary>
    public void Thaw() => _thaw.Run(lastFirst: true);
}
