using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Threads of a running process, for the preflight: any of them may be gone when it is asked.</summary>
internal static class ThreadIds
{
    /// <summary>/proc/PID/task/TID/status; null when the thread has exited.</summary>
    public static ProcFields? TryReadStatus(int pid, int tid) => TryRead($"/proc/{pid}/task/{tid}/status") is { } text ? new ProcFields($"/proc/{pid}/task/{tid}/status", text) : null;

    /// <summary>A file of /proc; null when its process or thread has exited, or does not let us read it.</summary>
    public static string? TryRead(string path)
    {
        try
        {
            return Files.ReadText(path);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH or Errno.EPERM or Errno.EACCES)
        {
            return null;
        }
    }
}
