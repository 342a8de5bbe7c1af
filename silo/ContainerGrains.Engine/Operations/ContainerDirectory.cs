using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A container's directory on its host: upper and work of the overlay, its mount point, the logs, and what the next engine is to know.</summary>
internal sealed class ContainerDirectory(string path)
{
    public string Path { get; } = path;
    public string Upper => Path + "/upper";
    public string Logs => Path + "/logs";
    public string Stdout => Logs + "/stdout";
    public string Stderr => Logs + "/stderr";

    private string StatePath => Path + "/state.json";

    /// <summary>Where the directories of a host's containers are.</summary>
    public static string AllOf(EngineOptions options) => $"{options.StateDirectory}/containers";

    public static ContainerDirectory Of(EngineOptions options, string name) => new($"{AllOf(options)}/{name}");

    public void Create()
    {
        System.IO.Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        foreach (string directory in (string[])[Path, Upper, Path + "/work", Path + "/root", Logs]) Paths.MakeDirectory(directory, 0x1ED);
    }

    /// <summary>Opens a log file for the container's output; it only ever grows.</summary>
    public FileDescriptor OpenLog(string path, int uid, int gid)
    {
        FileDescriptor file = Linux.Files.Open(path, Linux.Files.O_WRONLY | Linux.Files.O_APPEND | Linux.Files.O_CREAT, 0x1A0);
        // Programs that open /dev/stderr again need to own it.
        Kernel.Call("fchown", Syscall.fchown, file.Number, uid, gid, path: path);
        return file;
    }

    /// <summary>What <see cref="Adoption"/> reads; null when nothing runs. Only root may read it: it has the container's environment.</summary>
    public ContainerState? ReadState() => File.Exists(StatePath) ? ContainerState.Parse(File.ReadAllBytes(StatePath)) : null;

    /// <summary>Whole or not at all; after a power failure nothing runs that it could be about, so nothing waits for the disk.</summary>
    public void WriteState(ContainerState state)
    {
        string partial = StatePath + ".new";
        using (FileDescriptor file = Linux.Files.Open(partial, Linux.Files.O_WRONLY | Linux.Files.O_CREAT | Linux.Files.O_TRUNC, 0x180))
            Linux.Files.WriteAll(file.Number, state.ToBytes());
        File.Move(partial, StatePath, overwrite: true);
    }

    /// <summary>The container has left, or ended.</summary>
    public void DeleteState()
    {
        Paths.RemoveFile(StatePath);
        InHand.Clear();
    }

    /// <summary>Stands while calls of ours are made in the container's processes: should this engine die then, they are beyond repair.</summary>
    public Mark InHand => new(Path + "/in-hand");

    /// <summary>Stands while the container is being received: should this engine die then, nobody will complete it.</summary>
    public Mark Incoming => new(Path + "/incoming");

    public void Delete()
    {
        // Names in there are whatever the container gave: not all are UTF-8.
        DirectoryTrees.Remove(Path);
    }
}
