using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The processes of a running container, parents before children; those that end meanwhile are left out.</summary>
internal static class LiveTasks
{
    public static List<TaskDump> Read(ContainerCgroup cgroup)
    {
        var found = new Dictionary<int, TaskDump>();
        foreach (int pid in ProcessTree.AllPids(cgroup))
        {
            try
            {
                ProcStat stat = ProcStat.Read(pid);
                ProcFields status = ProcFields.Read($"/proc/{pid}/status");
                // Without a number: it is being reaped.
                if (status.Int32s("NSpid")[^1] != 0) found.Add(pid, new TaskDump(status.Int32s("NSpid"), stat, status));
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
            {
                // Ended between the listing and the question.
            }
        }
        return InOrder(found);
    }

    /// <summary>Parents before children, init first.</summary>
    public static List<TaskDump> InOrder(IReadOnlyDictionary<int, TaskDump> tasks)
    {
        var ordered = new List<TaskDump>();
        var placed = new HashSet<int>();
        foreach (TaskDump task in tasks.Values.OrderBy(t => t.VirtualPid)) Place(task);
        return ordered;

        void Place(TaskDump task)
        {
            if (!placed.Add(task.Pid)) return;
            if (tasks.TryGetValue(task.Stat.ParentPid, out TaskDump? parent)) Place(parent);
            ordered.Add(task);
        }
    }
}
