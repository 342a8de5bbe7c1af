using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// What lives in a container's ipc namespace and in no process: System V segments, semaphores, queues (sysvipc(7)) and POSIX
/// message queues (mq_overview(7)). None of it is carried yet, so it is asked for before a freeze.
/// </summary>
internal static class IpcObjects
{
    private static readonly (string File, string What)[] Kinds = [("shm", "System V shared memory segment"), ("sem", "System V semaphore set"), ("msg", "System V message queue")];

    public static IEnumerable<string> Of(int initPid)
    {
        foreach (string queue in Queues($"/proc/{initPid}/root/dev/mqueue")) yield return $"message queue /{queue}";
        foreach ((string what, string[] lines) in OperationThread.RunOnce("ipc objects", () => Read(initPid)))
            foreach (string line in lines)
                yield return string.Create(CultureInfo.InvariantCulture, $"{what} {line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]}");
    }

    // /proc/sysvipc shows the namespace of whoever opens it: a thread that goes there and does not come back.
    private static List<(string What, string[] Lines)> Read(int initPid)
    {
        using var pidFd = new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, initPid, 0, pid: initPid));
        Kernel.Call("setns(CLONE_NEWIPC)", Syscall.setns, pidFd.Number, (long)CloneFlags.CLONE_NEWIPC);
        return [.. Kinds.Where(kind => File.Exists($"/proc/sysvipc/{kind.File}")).Select(kind => (kind.What, Lines($"/proc/sysvipc/{kind.File}")))];
    }

    private static string[] Lines(string path) => [.. Linux.Files.ReadText(path).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)];

    private static IEnumerable<string> Queues(string path)
    {
        try
        {
            return Directory.GetFileSystemEntries(path).Select(queue => Path.GetFileName(queue));
        }
        catch (DirectoryNotFoundException)
        {
            // A kernel without message queues.
            return [];
        }
    }
}
