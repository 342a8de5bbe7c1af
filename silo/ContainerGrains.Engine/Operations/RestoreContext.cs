using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// What a room may ask while a container is restored. Files are opened by the engine itself and pulled by the puppets with
/// pidfd_getfd, so a room returns a descriptor of this process. Belongs to the operation's thread.
/// </summary>
public sealed class RestoreContext(ContainerConfig config, string directory, int initPid, IReadOnlyList<byte[]> blobs)
{
    private readonly Dictionary<object, object> _shared = [];
    private readonly Dictionary<int, FileDescriptor> _files = [];
    private readonly ThawActions _thaw = new();

    public ContainerConfig Config { get; } = config;

    /// <summary>The container's directory on this host (upper, logs …).</summary>
    public string Directory { get; } = directory;

    /// <summary>Real pid of the container's new init.</summary>
    public int InitPid { get; } = initPid;

    /// <summary>The container's root directory (O_PATH); open below it with <see cref="Linux.Files.OpenInRoot"/>.</summary>
    public FileDescriptor Root { get; } = Linux.Files.Open($"/proc/{initPid}/root", Linux.Files.O_PATH | Linux.Files.O_DIRECTORY);

    public FileDescriptor NetworkNamespace { get; } = Linux.Files.Open($"/proc/{initPid}/ns/net", Linux.Files.O_RDONLY);

    /// <summary>The restored processes, parents before children.</summary>
    public List<TaskRestore> Tasks { get; } = [];

    /// <summary>The restored description with this number.</summary>
    /// <exception cref="EngineException">BadImage: the image does not hold it.</exception>
    public FileDescriptor File(int id) => _files.TryGetValue(id, out FileDescriptor? file)
        ? file
        : throw new EngineException(EngineError.BadImage, "restore: files", $"the image names file {id} but does not hold it; take a new checkpoint");

    public void SetFile(int id, FileDescriptor file) => _files.Add(id, file);

    public IReadOnlyDictionary<int, FileDescriptor> OpenFiles => _files;

    /// <exception cref="EngineException">BadImage.</exception>
    public byte[] Blob(int number) => (uint)number < (uint)blobs.Count
        ? blobs[number]
        : throw new EngineException(EngineError.BadImage, "restore: blobs", $"the image names blob {number} but holds {blobs.Count}; take a new checkpoint");

    public TaskRestore? Task(int virtualPid) => Tasks.FirstOrDefault(t => t.VirtualPid == virtualPid);

    /// <summary>/proc/PID/status of the new init before anything was restored: what all puppets have inherited.</summary>
    public ProcFields PuppetStatus { get; } = ProcFields.Read($"/proc/{initPid}/status");

    /// <summary>What could not be restored in full and does no harm: a limit clamped to this host's own, say. One sentence each.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Something that several records share: both ends of a pipe, say. Created by the first that asks.</summary>
    public T Once<T>(object key, Func<T> create) where T : notnull
    {
        if (!_shared.TryGetValue(key, out object? value)) _shared.Add(key, value = create());
        return (T)value;
    }

    /// <summary>What may only happen at the very end, when nothing can fail any more: leaving TCP's repair mode, say. The context's files are still open then.</summary>
    public void OnThaw(Action action) => _thaw.Add(action);

    /// <summary>Runs the actions of <see cref="OnThaw"/> in their order: all processes are ready, none runs yet; all of them, whatever fails.</summary>
    public void Thaw() => _thaw.Run(lastFirst: false);
}
