namespace ContainerGrains.Linux;

/// <summary>A system call failed. The message names the call, the error and the object.</summary>
public sealed class LinuxException : Exception
{
    public LinuxException(string syscall, int errno, int? pid = null, string? path = null)
        : base(Describe(syscall, errno, pid, path))
    {
        Syscall = syscall;
        Errno = errno;
        Pid = pid;
        Path = path;
    }

    public string Syscall { get; }
    public int Errno { get; }
    public int? Pid { get; }
    public string? Path { get; }

    private static string Describe(string syscall, int errno, int? pid, string? path)
    {
        string text = $"{syscall}: {Linux.Errno.Name(errno)}";
        if (pid is not null) text += $" (pid {pid})";
        if (path is not null) text += $" ({path})";
        return text;
    }
}
