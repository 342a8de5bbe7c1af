using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// What an engine that died in a freeze has left at a container's threads and sockets, and would have taken back at the thaw. What was not
/// written down anywhere (locks on volumes, which a frozen copy gives up) is lost.
/// </summary>
internal static class Leftovers
{
    public static void Undo(EngineContainer container)
    {
        List<TaskDump> tasks = [.. LiveTasks.Read(container.Cgroup).Where(task => !task.IsZombie)];
        foreach (TaskDump task in tasks)
            foreach (int tid in ProcessTree.Threads(task.Pid)) Urgency.Forget(task.Pid, tid);
        if (container.Cgroup.IsHeld) LeaveRepairMode(container, tasks);
    }

    private static void LeaveRepairMode(EngineContainer container, List<TaskDump> tasks)
    {
        var context = new DumpContext(container.Config, container.Directory.Path, container.InitPid);
        context.Tasks.AddRange(tasks);
        try
        {
            DescriptorReader.ReadAll(context, running: true);
            foreach (OpenFile file in context.OpenFiles) TcpConnection.LeaveRepairMode(file);
        }
        finally
        {
            foreach (OpenFile file in context.OpenFiles) file.Fd.Dispose();
        }
    }
}
