namespace ContainerGrains.Linux;

/// <summary>Calls on paths of this process.</summary>
public static unsafe class Paths
{
    /// <summary>Makes a directory; one that exists is left as it is.</summary>
    public static void MakeDirectory(string path, int mode)
    {
        fixed (byte* name = Files.Bytes(path))
        {
            long result = Kernel.Raw(Syscall.mkdir, (long)name, mode);
            if (result != -Errno.EEXIST) Result.Check(result, "mkdir", path: path);
        }
    }

    /// <summary>Removes a file; one that is not there, or whose directory is not, is gone already.</summary>
    public static void RemoveFile(string path)
    {
        fixed (byte* name = Files.Bytes(path))
        {
            long result = Kernel.Raw(Syscall.unlink, (long)name);
            if (result != -Errno.ENOENT) Result.Check(result, "unlink", path: path);
        }
    }

    public static long TryRemoveDirectory(string path)
    {
        fixed (byte* name = Files.Bytes(path)) return Kernel.Raw(Syscall.rmdir, (long)name);
    }

    public static void Unmount(string path, int flags = 0)
    {
        fixed (byte* name = Files.Bytes(path)) Kernel.Call("umount2", Syscall.umount2, (long)name, flags, path: path);
    }
}
