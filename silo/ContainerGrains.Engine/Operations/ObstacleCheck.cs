using System.Diagnostics;
using System.Globalization;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>What a checkpoint of a running container would refuse, asked of all rooms while nothing is frozen.</summary>
internal static class ObstacleCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private static readonly string[] Namespaces = ["mnt", "net", "uts", "ipc", "pid", "user", "cgroup", "time"];

    /// <summary>
    /// What passes by itself is waited for a while. What does not must be seen twice: processes come and go between the questions,
    /// and a pipe to one that was born after the listing looks like one that leads outside.
    /// </summary>
    /// <param name="alone">Threads are asked too, and have one tracer: who begins to freeze has the container to itself, all others must find it running.</param>
    public static List<CheckpointObstacle> Check(EngineContainer container, Bystanders bystanders, bool alone)
    {
        long start = Stopwatch.GetTimestamp();
        List<CheckpointObstacle> before = [];
        while (true)
        {
            List<CheckpointObstacle> obstacles;
            lock (container.Gate)
            {
                if (container.StandsStill && !alone) container.RefuseWhenBusy("preflight");
                obstacles = Look(container, bystanders);
            }
            if (obstacles.Count == 0 || Stopwatch.GetElapsedTime(start) > Patience) return obstacles;
            if (obstacles.Any(o => !o.Passing && before.Contains(o))) return [.. obstacles.Where(before.Contains).OrderBy(o => o.Passing)];
            before = obstacles;
            Poll.Sleep(1);
        }
    }

    /// <summary>
    /// What the files of a frozen container bring up, and <see cref="Check"/> has not seen. It came in between, so it passes, as a rule; what
    /// does not is what the next check will see.
    /// </summary>
    public static (OpenFile File, CheckpointObstacle Obstacle)? Find(DumpContext frozen)
    {
        foreach (OpenFile file in frozen.OpenFiles)
            if (Ask(file, frozen) is { } obstacle) return (file, obstacle);
        return null;
    }

    /// <summary>Waits for what <see cref="Find"/> found, now that the container runs again.</summary>
    public static void WaitUntilGone(OpenFile file, DumpContext context, int mostMs)
    {
        long start = Stopwatch.GetTimestamp();
        do Poll.Sleep(1);
        while (IsThere() && Stopwatch.GetElapsedTime(start).TotalMilliseconds < mostMs);

        bool IsThere()
        {
            context.Forget();
            try
            {
                return Ask(file, context) is not null;
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH or Errno.EBADF)
            {
                // Closed, or its process has ended.
                return false;
            }
        }
    }

    private static List<CheckpointObstacle> Look(EngineContainer container, Bystanders bystanders)
    {
        var obstacles = new List<CheckpointObstacle>();
        var context = new DumpContext(container.Config, container.Directory.Path, container.InitPid) { Bystanders = bystanders };
        try
        {
            // An exec that is being made holds what it will not have: whoever freezes waits until it is there.
            context.Tasks.AddRange(LiveTasks.Read(container.Cgroup).Where(task => !ForeignTracer.IsOurs(task.Status.Int32("TracerPid"))));
            foreach (TaskDump task in context.Tasks)
                if (!task.IsZombie) CheckTask(task, context, obstacles);
            CheckIpc(container, context, obstacles);
            CheckSessions(context, obstacles);
            DescriptorReader.ReadAll(context, running: true);
            foreach (OpenFile file in context.OpenFiles)
                CheckFile(file, context, obstacles);
        }
        finally
        {
            foreach (OpenFile file in context.OpenFiles) file.Fd.Dispose();
        }
        return obstacles;
    }

    private static void CheckIpc(EngineContainer container, DumpContext context, List<CheckpointObstacle> obstacles)
    {
        if (context.Tasks.Find(task => task.Pid == container.InitPid) is not { } init) return;
        try
        {
            foreach (string what in IpcObjects.Of(container.InitPid))
                obstacles.Add(new CheckpointObstacle(init.VirtualPid, init.Stat.Comm, what, "it is not carried yet", "use files, pipes or shared memory of /dev/shm, and remove it with ipcrm"));
        }
        catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.ENOENT)
        {
            // The container ends in this moment.
        }
    }

    private static void CheckSessions(DumpContext context, List<CheckpointObstacle> obstacles)
    {
        var sessions = new BirthSessions([.. context.Tasks.Select(Place)]);
        foreach (BirthSessions.Process process in sessions.Impossible)
            obstacles.Add(new CheckpointObstacle(process.VirtualPid, context.Tasks.Find(t => t.VirtualPid == process.VirtualPid)!.Stat.Comm, $"session {process.Session}",
                $"its parent {process.Parent} never was in that session, and all who are in it live elsewhere in the tree", "start it from within its session, or in a session of its own (setsid)"));

        BirthSessions.Process Place(TaskDump task)
        {
            int session = task.Status.Int32s("NSsid")[^1];
            // A parent that is not there has ended since the listing, or is outside: an exec's, who leads a session.
            return new BirthSessions.Process(task.VirtualPid, context.VirtualPid(task.Stat.ParentPid) ?? (session == task.VirtualPid ? 0 : 1), session);
        }
    }

    private static void CheckFile(OpenFile file, DumpContext context, List<CheckpointObstacle> obstacles)
    {
        try
        {
            if (Ask(file, context) is { } obstacle) obstacles.Add(obstacle);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH or Errno.EBADF)
        {
            // Closed, or its process ended, meanwhile.
        }
    }

    private static CheckpointObstacle? Ask(OpenFile file, DumpContext context)
    {
        FileResource room = ResourceCatalog.Files.First(r => r.Owns(file));
        if (room.Refuses(file, context) is { } refusal) return Obstacle(refusal, passing: false);
        return room.Delays(file, context) is { } delay ? Obstacle(delay, passing: true) : null;

        CheckpointObstacle Obstacle((string Reason, string Remedy) why, bool passing) =>
            new(file.Owner.VirtualPid, file.Owner.Stat.Comm, file.Title, why.Reason, why.Remedy, passing);
    }

    private static void CheckTask(TaskDump task, DumpContext context, List<CheckpointObstacle> obstacles)
    {
        var live = new LiveTask(task.Pids, task.Stat, task.Status) { Bystanders = context.Bystanders, InHand = new ContainerDirectory(context.Directory).InHand };
        TaskDump? parent = context.Tasks.Find(t => t.Pid == task.Stat.ParentPid);
        int initPid = context.InitPid;
        try
        {
            foreach (TaskResource room in ResourceCatalog.Tasks) obstacles.AddRange(room.Preflight(live));
            foreach (string name in Namespaces)
                if (Linux.Files.ReadLink($"/proc/{task.Pid}/ns/{name}") is { } own && Linux.Files.ReadLink($"/proc/{initPid}/ns/{name}") is { } of && own != of)
                    obstacles.Add(live.Obstacle($"{name} namespace", "it is in a namespace of its own, which is not carried yet", "run it without unshare"));
            if (Linux.Files.ReadLink($"/proc/{task.Pid}/root") is { } root && root != "/")
                obstacles.Add(live.Obstacle($"root directory {root}", "a process in a chroot is not carried yet", "run it without chroot"));
            using var objects = new MemoryObjects();
            new AddressSpaceReader(objects, running: true).Read(task.Pid, (what, reason, remedy) => obstacles.Add(live.Obstacle(what, reason, remedy)));
            foreach (Kcmp.Shared what in Enum.GetValues<Kcmp.Shared>())
            {
                if (parent is { IsZombie: false } && Kcmp.Share(task.Pid, parent.Pid, what))
                    obstacles.Add(live.Obstacle($"{what} of process {parent.VirtualPid}", "a process that shares it with its parent (clone without fork) is not carried yet", "try again when it has called execve, or use threads or fork") with { Passing = true });
                if (what is Kcmp.Shared.Descriptors or Kcmp.Shared.FileSystem && ProcessTree.Threads(task.Pid).Any(tid => tid != task.Pid && !Kcmp.Share(task.Pid, tid, what)))
                    obstacles.Add(live.Obstacle($"{what} of a thread", "a thread with a table of its own (unshare) is not carried yet", "share it with the process's other threads"));
            }
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            // Ended meanwhile: nothing to carry.
        }
    }
}
