using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A container's directory on its host: upper and work of the overlay, its mount point, and the logs.</summary>
internal sealed class ContainerDirectory(string path)
{
    public string Path { get; } = path;
    public string Upper => Path + "/upper";
    public string Logs => Path + "/logs";
    public string Stdout => Logs + "/stdout";
    public string Stderr => Logs + "/stderr";

    public static ContainerDirectory Of(EngineOptions options, string name) => new($"{options.StateDirectory}/containers/{name}");

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

    public void Delete()
    {
        // Names in there are whatever the container gave: not all are UTF-8.
        DirectoryTrees.Remove(Path);
    }
}
