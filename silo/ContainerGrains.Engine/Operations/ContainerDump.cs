using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Everything of a frozen container that is neither memory nor file system, as records: the reading half of a checkpoint.</summary>
internal sealed class ContainerDump(DumpContext context)
{
    /// <summary>The processes as they are now: frozen, or running, when those that end meanwhile are left out.</summary>
    /// <param name="earlier">What a round has seen of a process's mappings, for a quick reading; null when nothing is known.</param>
    public static TreeRecord ReadTree(bool frozen, IReadOnlyList<TaskDump> tasks, MemoryObjects objects, Func<TaskDump, AddressSpaceRecord?> earlier, Action<TaskDump, string, string, string> refuse)
    {
        var reader = new AddressSpaceReader(objects, running: !frozen);
        var virtualPids = tasks.ToDictionary(t => t.Pid, t => t.VirtualPid);
        var processes = new List<ProcessRecord>();
        var placed = new HashSet<int>();
        IReadOnlyList<VdsoPart>? vdso = null;
        foreach (TaskDump task in tasks)
        {
            try
            {
                void Refuse(string what, string reason, string remedy) => refuse(task, what, reason, remedy);
                AddressSpaceRecord? space = task.IsZombie ? null
                    : (earlier(task) is { } known ? reader.TryReadQuickly(task.Pid, known, Refuse) : null) ?? reader.Read(task.Pid, Refuse);
                // In the middle of an execve, it has neither its old memory nor its new.
                vdso ??= space?.Vdso;
                if (!frozen && space is not null && !space.Vdso.Select(NameAndLength).SequenceEqual(vdso!.Select(NameAndLength))) continue;
                int parent = virtualPids.GetValueOrDefault(task.Stat.ParentPid);
                int session = task.Status.Int32s("NSsid")[^1];
                // Without a session it was being reaped when it was asked.
                if (!frozen && (session == 0 || !TryFindParent(task, virtualPids, placed, out parent))) continue;
                processes.Add(new ProcessRecord([.. task.Pids.Skip(1)], parent, session, task.Status.Int32s("NSpgid")[^1], task.Stat.Comm, task.IsZombie ? task.Stat.ExitCode : null, space));
                placed.Add(task.Pid);
            }
            catch (LinuxException e) when (!frozen && task.VirtualPid != 1 && e.Errno is Errno.ENOENT or Errno.ESRCH)
            {
                // It ended, and is left out.
            }
        }
        if (processes.Count == 0 || processes[0].VirtualPid != 1) throw new EngineException(EngineError.Gone, "dump: tree", "the container has ended; there is nothing left to carry");
        return new TreeRecord(frozen, processes, [.. objects.Records]);
    }

    // The child of one that has ended since the listing has another parent by now. False: one that does not come before it.
    private static bool TryFindParent(TaskDump task, Dictionary<int, int> virtualPids, HashSet<int> placed, out int parent)
    {
        parent = 0;
        if (task.VirtualPid == 1) return true;
        int pid = task.Stat.ParentPid;
        if (!placed.Contains(pid)) pid = ProcStat.Read(task.Pid).ParentPid;
        if (virtualPids.TryGetValue(pid, out parent)) return placed.Contains(pid);
        // Outside: whoever began an exec, or who adopted it.
        return pid == 0 || ProcessTree.PidsOf(pid) is { Length: 1 };
    }

    private static (string, ulong) NameAndLength(VdsoPart part) => (part.Name, part.End - part.Start);

    public ContainerRecord Read(Func<TaskDump, IReadOnlyList<(ulong Start, ulong End)>> guards)
    {
        var tasks = new List<TaskRecord>();
        foreach (TaskDump task in context.Tasks)
            if (!task.IsZombie) tasks.Add(ReadTask(task, guards(task)));
        return new ContainerRecord(tasks, [.. context.OpenFiles.Select(ReadFile)]);
    }

    private TaskRecord ReadTask(TaskDump task, IReadOnlyList<(ulong Start, ulong End)> guards)
    {
        var resources = new Dictionary<string, JsonElement>();
        foreach (TaskResource room in ResourceCatalog.Tasks)
            if (room.DumpJson(task, context) is { } record) resources.Add(room.Kind, record);
        ulong brk = (ulong)task.Agent.Call("brk", Syscall.brk, 0);
        ProcStat s = task.Stat;
        var layout = new MmLayout(s.StartCode, s.EndCode, s.StartData, s.EndData, s.StartBrk, brk, s.StartStack, s.ArgStart, s.ArgEnd, s.EnvStart, s.EnvEnd);
        string prefix = string.Create(CultureInfo.InvariantCulture, $"/proc/{task.Pid}/");
        return new TaskRecord(task.VirtualPid, layout, Linux.Files.ReadAll(prefix + "auxv"), Link(task, prefix + "exe"), Link(task, prefix + "cwd"), task.IsStopped,
            [.. guards.SelectMany(g => (ulong[])[g.Start, g.End])], resources, [.. task.Threads.Select(ReadThread)]);
    }

    private ThreadRecord ReadThread(ThreadDump thread)
    {
        var resources = new Dictionary<string, JsonElement>();
        foreach (ThreadResource room in ResourceCatalog.Threads)
            if (room.DumpJson(thread, context) is { } record) resources.Add(room.Kind, record);
        Regs regs = thread.Regs;
        return new ThreadRecord(thread.VirtualTid, MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref regs, 1)).ToArray(), Ptrace.GetXState(thread.Tid), thread.SignalMask, resources);
    }

    private FileRecord ReadFile(OpenFile file)
    {
        FileResource room = ResourceCatalog.Files.First(r => r.Owns(file));
        var users = new List<DescriptorRecord>();
        foreach (TaskDump task in context.Tasks)
            foreach (Descriptor descriptor in task.Descriptors.Values)
                if (descriptor.File == file) users.Add(new DescriptorRecord(task.VirtualPid, descriptor.Number, descriptor.CloseOnExec));
        return new FileRecord(file.Id, room.Kind, file.Flags, file.Position, FileOwners.Read(file, context), users, room.DumpJson(file, context));
    }

    private static string Link(TaskDump task, string link)
    {
        string target = Linux.Files.ReadLink(link) ?? throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}", $"{link} cannot be read");
        return target.EndsWith(" (deleted)", StringComparison.Ordinal)
            ? throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}", $"its {Path.GetFileName(link)} '{target}' was deleted, which is not carried yet; restart the process")
            : target;
    }
}
