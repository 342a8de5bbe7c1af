using ContainerGrains.Engine;
using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>
/// This process (or a child of it) seen as a container that is dumped: lets the test of a room make a kernel object, dump and
/// restore it without freezing anything.
/// </summary>
public sealed class TestDump
{
    /// <param name="directory">The container's directory on the host.</param>
    /// <param name="initPid">Whose root and namespaces are the container's; this process's unless told.</param>
    public TestDump(string? directory = null, int? initPid = null, string rootfs = "/")
    {
        Directory = directory ?? Path.GetTempPath();
        Context = new DumpContext(new ContainerConfig { Name = "test", Args = ["test"], Rootfs = rootfs }, Directory, initPid ?? Environment.ProcessId);
        Self = AddTask([Environment.ProcessId]);
    }

    public string Directory { get; }
    public DumpContext Context { get; }

    /// <summary>This process as a task.</summary>
    public TaskDump Self { get; }

    /// <summary>Adds a process; its pids from the host inwards.</summary>
    public TaskDump AddTask(IReadOnlyList<int> pids)
    {
        var task = new TaskDump(pids, ProcStat.Read(pids[0]), ProcFields.Read($"/proc/{pids[0]}/status"));
        Context.Tasks.Add(task);
        return task;
    }

    /// <summary>Adds a descriptor of this process as an open file of the container.</summary>
    public OpenFile Add(FileDescriptor fd) => Add(Self, fd.Number);

    /// <summary>Adds a descriptor of a task, borrowed with pidfd_getfd; one whose description is there already becomes another user of it.</summary>
    public OpenFile Add(TaskDump task, int number)
    {
        OpenFile? known = Context.OpenFiles.FirstOrDefault(f => Kcmp.SameFile(f.Owner.Pid, f.Number, task.Pid, number));
        OpenFile file = known ?? Open(task, number);
        if (known is null) Context.OpenFiles.Add(file);
        task.Descriptors[number] = new Descriptor(number, true, file);
        return file;
    }

    /// <summary>Reads fdinfo again, after the object has changed.</summary>
    public OpenFile Refresh(OpenFile file)
    {
        var fresh = new OpenFile(file.Id, file.Owner, file.Number, file.Fd, Files.Stat(file.Fd.Number), Link(file.Owner.Pid, file.Number), Info(file.Owner.Pid, file.Number));
        Context.OpenFiles[Context.OpenFiles.IndexOf(file)] = fresh;
        foreach (TaskDump task in Context.Tasks)
            foreach (int number in task.Descriptors.Keys.ToArray())
                if (task.Descriptors[number].File == file) task.Descriptors[number] = new Descriptor(number, true, fresh);
        return fresh;
    }

    private OpenFile Open(TaskDump task, int number)
    {
        using var pidfd = new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, task.Pid, 0));
        var fd = new FileDescriptor(Kernel.Call("pidfd_getfd", Syscall.pidfd_getfd, pidfd.Number, number, 0));
        return new OpenFile(Context.OpenFiles.Count + 1, task, number, fd, Files.Stat(fd.Number), Link(task.Pid, number), Info(task.Pid, number));
    }

    private static string Link(int pid, int number) => Files.ReadLink($"/proc/{pid}/fd/{number}")!;

    private static ProcFields Info(int pid, int number) => ProcFields.Read($"/proc/{pid}/fdinfo/{number}");
}
