using System.Diagnostics;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The processes of a container, as the kernel lists them.</summary>
internal static class ProcessTree
{
    private static readonly TimeSpan ReapTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Real pids of all processes: members of the cgroup, and zombies found as children of members.</summary>
    public static List<int> AllPids(ContainerCgroup cgroup)
    {
        var pids = new List<int>(cgroup.Pids());
        var seen = new HashSet<int>(pids);
        for (int i = 0; i < pids.Count; i++)
            foreach (int child in Children(pids[i]))
                if (seen.Add(child)) pids.Add(child);
        return pids;
    }

    /// <summary>
    /// Waits until processes that were let go to stop by job control have done so: on their way they look as if they ran, which their
    /// parents, let go later, are not to see.
    /// </summary>
    public static void WaitUntilStopped(IReadOnlyList<int> pids)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (int pid in pids)
            while (IsRunning(pid) && Stopwatch.GetElapsedTime(start) < StopTimeout) Clocks.Nap();

        static bool IsRunning(int pid)
        {
            try
            {
                return ProcStat.Read(pid).State is not ('T' or 'Z' or 'X');
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
            {
                return false;
            }
        }
    }

    /// <summary>NSpid of a process: its pid on every level from the host inwards; null when it is gone.</summary>
    public static int[]? PidsOf(int pid)
    {
        try
        {
            return ProcFields.Read($"/proc/{pid}/status").Int32s("NSpid");
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>
    /// Kills the group and reaps what is ours: stopped tracees must be waited for by their tracer, round robin, because pid 1
    /// cannot be reaped before all traced zombies of its namespace are (kernel/pid_namespace.c, zap_pid_ns_processes).
    /// </summary>
    /// <returns>How init ended, if this call reaped it.</returns>
    public static WaitStatus? KillAll(ContainerCgroup cgroup, int initPid)
    {
        List<int> pids = AllPids(cgroup);
        if (!pids.Contains(initPid)) pids.Add(initPid);
        var tids = new HashSet<int>();
        foreach (int pid in pids)
            foreach (int tid in Threads(pid)) tids.Add(tid);
        tids.UnionWith(pids);
        cgroup.Kill();
        _ = Kernel.Raw(Syscall.kill, initPid, 9);
        WaitStatus? init = null;
        long start = Stopwatch.GetTimestamp();
        while (tids.Count > 0 && Stopwatch.GetElapsedTime(start) < ReapTimeout)
        {
            bool progress = false;
            foreach (int tid in tids.ToArray())
            {
                int status = TryReap(tid, out WaitStatus how);
                if (status == 0) continue;
                if (status > 0 && tid == initPid) init = how;
                tids.Remove(tid);
                progress = true;
            }
            if (!progress) Poll.Sleep(1);
        }
        return init;
    }

    /// <summary>Thread ids of a process; none when it has ended.</summary>
    public static IEnumerable<int> Threads(int pid)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{pid}/task").Select(path => int.Parse(Path.GetFileName(path))).ToArray();
        }
        catch (IOException)
        {
            // ENOENT or ESRCH: it has ended.
            return [];
        }
    }

    // 1 reaped, -1 not ours or gone, 0 still there.
    private static int TryReap(int tid, out WaitStatus how)
    {
        how = default;
        try
        {
            (int pid, how) = WaitStatus.Wait(tid, WaitStatus.WNOHANG | WaitStatus.__WALL);
            return pid == 0 ? 0 : how.IsGone ? 1 : 0;
        }
        catch (LinuxException e) when (e.Errno == Errno.ECHILD)
        {
            return -1;
        }
    }

    private static IEnumerable<int> Children(int pid)
    {
        foreach (int tid in Threads(pid))
        {
            string text;
            try
            {
                text = Linux.Files.ReadText($"/proc/{pid}/task/{tid}/children");
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
            {
                continue;
            }
            foreach (string child in text.Split(' ', StringSplitOptions.RemoveEmptyEntries)) yield return int.Parse(child);
        }
    }
}
