using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Begins to track a running process's writes: its main thread makes a userfaultfd for us and runs on (userfaultfd(2)).</summary>
internal static class TrackingStart
{
    /// <param name="mark">Of the container's directory: stands while the process is stopped.</param>
    public static WriteTracking Begin(Mark mark, int pid) => LiveCalls.Make(mark, pid, pid, Make);

    private static WriteTracking Make(Tracee main, RemoteAddress instruction)
    {
        long number = Result.Check(main.StepCall(instruction, new(Syscall.userfaultfd, WriteTracking.UFFD_USER_MODE_ONLY | Linux.Files.O_CLOEXEC)), "userfaultfd in the process", main.Tid);
        try
        {
            using var pidFd = new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, main.Tid, 0, pid: main.Tid));
            var tracking = new WriteTracking(new FileDescriptor(Kernel.Call("pidfd_getfd", Syscall.pidfd_getfd, pidFd.Number, number, 0, pid: main.Tid)));
            tracking.Enable();
            return tracking;
        }
        finally
        {
            main.StepCall(instruction, new(Syscall.close, number));
        }
    }
}
