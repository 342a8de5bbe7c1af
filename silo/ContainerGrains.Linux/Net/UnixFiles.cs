namespace ContainerGrains.Linux.Net;

/// <summary>Owner and mode of a file by path, links followed (chown(2), chmod(2)).</summary>
public static unsafe class UnixFiles
{
    public static void SetOwnerAndMode(string path, uint uid, uint gid, uint mode)
    {
        fixed (byte* name = Files.Bytes(path))
        {
            // In this order: a change of owner takes setuid bits away.
            Kernel.Call("chown", Syscall.chown, (long)name, uid, gid, path: path);
            Kernel.Call("chmod", Syscall.chmod, (long)name, mode, path: path);
        }
    }
}
