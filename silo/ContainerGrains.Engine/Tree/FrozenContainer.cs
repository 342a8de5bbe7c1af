using System.Diagnostics;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A container that stands still: every thread seized and stopped. Disposing thaws it where it is, as if nothing had happened,
/// unless <see cref="Discard"/> has ended it. Belongs to the operation's thread.
/// </summary>
internal sealed class FrozenContainer : IDisposable
{
    // A thread stops within microseconds, or not before something else happens.
    private const long StopPatienceNs = 30_000_000, TurnNs = 1_000_000;
    private readonly EngineContainer _container;
    private readonly List<(TaskDump Task, Tracee Tracee)> _seized = [];
    private readonly Dictionary<int, Urgency.Before> _scheduling = [];
    private bool _ended, _resting;

    private FrozenContainer(EngineContainer container) => _container = container;

    /// <summary>Parents before children; zombies too.</summary>
    public List<TaskDump> Tasks { get; } = [];

    /// <summary>Stopwatch timestamp of the moment at which it was told to stand still.</summary>
    public long Since { get; private init; }

    /// <exception cref="EngineException">Timeout, Gone, NotCarried (traced by somebody else); the container runs on.</exception>
    public static FrozenContainer Freeze(EngineContainer container, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            Dictionary<int, SleepSample?> sleeps = ObserveSleeps(container.Cgroup);
            long since = Stopwatch.GetTimestamp();
            container.Cgroup.Freeze(timeout - Stopwatch.GetElapsedTime(start));
            var frozen = new FrozenContainer(container) { Since = since };
            bool complete = false;
            try
            {
                complete = frozen.SeizeAll(sleeps);
            }
            catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.ENOENT or Errno.EPERM)
            {
                // One was on its way to its end, which the freezer does not stop: again, without it.
            }
            finally
            {
                // From here on ptrace holds them; the frozen group would hold what is injected, too.
                container.Cgroup.Thaw();
                if (!complete) frozen.LetGo(timeout, sleeps);
            }
            if (complete) return frozen;
            if (Stopwatch.GetElapsedTime(start) > timeout)
                throw new EngineException(EngineError.Timeout, "freeze", $"a thread of the container did not stop within {timeout.TotalSeconds:0.#} s (it waits for a vfork child); it runs on, try again");
        }
    }

    /// <summary>Puts an agent into every process and thread, so that calls can run inside.</summary>
    public void Infest()
    {
        _container.Directory.InHand.Set();
        foreach (TaskDump task in Tasks)
        {
            if (task.IsZombie) continue;
            List<MapEntry> maps = MapEntry.Read(task.Pid);
            foreach (ThreadDump thread in task.Threads)
                Ptrace.SetSignalMask(thread.Tid, ~Signals.Bit(Signals.SIGTRAP));
            task.SyscallInstruction = VdsoCode.FindSyscall(task.Pid, maps);
            task.AgentOrNull = Puppet.Infest(task.Threads[0].Tracee, task.SyscallInstruction, StubPlacement.Choose(maps.Select(m => (m.Start, m.End))));
            task.Threads[0].AgentOrNull = task.Agent;
            foreach (ThreadDump thread in task.Threads.Skip(1)) thread.AgentOrNull = task.Agent.ForThread(thread.Tid);
        }
    }

    /// <summary>Kills the frozen copy; its sockets and everything else go without a word.</summary>
    public void Discard()
    {
        _ended = true;
        ProcessTree.KillAll(_container.Cgroup, _container.InitPid);
        _container.Directory.InHand.Clear();
    }

    /// <summary>
    /// The dump is done: every thread is put back as it was, and the group's freezer holds the container beside ptrace. Should
    /// this process end now, the copy stays still: it may live elsewhere, and only who has asked the record may thaw it.
    /// </summary>
    public void Rest()
    {
        ForEachTask(PutBack);
        _resting = true;
        _container.Cgroup.Hold();
        _container.Directory.InHand.Clear();
    }

    /// <summary>The other way: ptrace alone holds it, and calls can run inside again before the thaw.</summary>
    public void Rouse()
    {
        if (!_resting) return;
        _container.Cgroup.Thaw();
        _resting = false;
        Infest();
    }

    public void Dispose()
    {
        if (_ended) return;
        _ended = true;
        if (!_resting) ForEachTask(PutBack);
        ForEachTask(task => LetGo(task, stopped: true));
        ProcessTree.WaitUntilStopped([.. Tasks.Where(task => task.IsStopped).Select(task => task.Pid)]);
        ForEachTask(task => LetGo(task, stopped: false));
        if (_resting) _container.Cgroup.Thaw();
        else _container.Directory.InHand.Clear();
    }

    private static void LetGo(TaskDump task, bool stopped)
    {
        if (task.IsStopped == stopped) task.Threads.ForEach(thread => thread.Tracee.Detach());
    }

    private void ForEachTask(Action<TaskDump> action)
    {
        var errors = new List<Exception>();
        foreach (TaskDump task in Tasks)
        {
            try
            {
                if (!task.IsZombie) action(task);
            }
            catch (LinuxException e) when (e.Errno == Errno.ESRCH)
            {
                // Killed while it stood still: nothing to put back or let go.
            }
            catch (LinuxException e)
            {
                errors.Add(e);
            }
        }
        if (errors.Count > 0) throw new AggregateException($"container '{_container.Name}' did not thaw whole", errors);
    }

    private static void PutBack(TaskDump task)
    {
        bool infested = task.AgentOrNull is not null;
        if (task.AgentOrNull is { } agent)
        {
            if (SignalActions.LostTrapAction(task) is { } lost) SignalActions.SetTrapAction(agent, lost);
            agent.Leave(task.SyscallInstruction);
            task.AgentOrNull = null;
        }
        foreach (ThreadDump thread in task.Threads)
        {
            thread.Tracee.Regs = thread.ResumeRegs;
            if (infested)
            {
                thread.Tracee.Park();
                Ptrace.SetSignalMask(thread.Tid, thread.SignalMask);
            }
            if (thread.Scheduling is not { } before) continue;
            Urgency.Lower(thread.Tid, before);
            thread.Scheduling = null;
        }
    }

    // False when a thread did not stop in time.
    private bool SeizeAll(Dictionary<int, SleepSample?> sleeps)
    {
        List<int> pids = ProcessTree.AllPids(_container.Cgroup);
        if (!pids.Contains(_container.InitPid)) throw new EngineException(EngineError.Gone, "freeze", $"container '{_container.Name}' has ended");
        var tasks = new Dictionary<int, TaskDump>();
        foreach (int pid in pids)
        {
            ProcStat stat = ProcStat.Read(pid);
            ProcFields status = ProcFields.Read($"/proc/{pid}/status");
            var task = new TaskDump(status.Int32s("NSpid"), stat, status);
            tasks.Add(pid, task);
            if (!task.IsZombie) Seize(task);
        }
        long deadlineNs = Clocks.MonotonicNs() + StopPatienceNs;
        foreach ((TaskDump task, Tracee tracee) in _seized)
            if (!tracee.WaitForInterrupt(deadlineNs)) return false;
        foreach ((TaskDump task, Tracee tracee) in _seized)
        {
            int virtualTid = tracee.Tid == task.Pid ? task.VirtualPid : ProcFields.Read($"/proc/{task.Pid}/task/{tracee.Tid}/status").Int32s("NSpid")[^1];
            task.Threads.Add(new ThreadDump(task, tracee, virtualTid, tracee.Regs) 
            {
                Sleep = sleeps.GetValueOrDefault(tracee.Tid), SignalMask = Ptrace.GetSignalMask(tracee.Tid), Scheduling = _scheduling.GetValueOrDefault(tracee.Tid),
            });
        }
        Tasks.AddRange(LiveTasks.InOrder(tasks));
        long frozenAtNs = Clocks.MonotonicNs();
        foreach (TaskDump task in Tasks)
            foreach (ThreadDump thread in task.Threads) SyscallRestart.Prepare(thread, frozenAtNs);
        return true;
    }

    private void Seize(TaskDump task)
    {
        int tracer = task.Status.Int32("TracerPid");
        if (tracer != 0)
            throw new EngineException(EngineError.NotCarried, "freeze", $"{task.Title} is traced by pid {tracer} (a debugger or strace); end the trace and try again");
        foreach (int tid in (int[])[task.Pid, .. ProcessTree.Threads(task.Pid).Where(tid => tid != task.Pid).Order()])
        {
            Tracee tracee = Tracee.Seize(tid, Ptrace.PTRACE_O_SUSPEND_SECCOMP);
            _seized.Add((task, tracee));
            if (Urgency.OfStanding(tid) is { } before) _scheduling.Add(tid, before);
            tracee.Interrupt();
        }
    }

    // An attempt that is given up: its stops interrupted calls as any do. Those that have not stopped yet do so when the others run.
    private void LetGo(TimeSpan timeout, Dictionary<int, SleepSample?> sleeps)
    {
        _ended = true;
        long deadlineNs = Clocks.MonotonicNs() + (long)timeout.TotalNanoseconds;
        var late = new List<(TaskDump Task, Tracee Tracee)>();
        void Resume(TaskDump task, Tracee tracee)
        {
            var thread = new ThreadDump(task, tracee, virtualTid: 0, tracee.Regs) { Sleep = sleeps.GetValueOrDefault(tracee.Tid) };
            SyscallRestart.Prepare(thread, Clocks.MonotonicNs());
            tracee.Regs = thread.ResumeRegs;
            if (_scheduling.TryGetValue(tracee.Tid, out Urgency.Before? before)) Urgency.Lower(tracee.Tid, before);
            tracee.Detach();
        }

        foreach ((TaskDump task, Tracee tracee) in _seized)
        {
            try
            {
                Resume(task, tracee);
            }
            catch (LinuxException e) when (e.Errno == Errno.ESRCH)
            {
                late.Add((task, tracee));
            }
        }
        // In turns: one may wait for another (vfork).
        while (late.Count > 0 && Clocks.MonotonicNs() < deadlineNs)
        {
            foreach ((TaskDump task, Tracee tracee) in late.ToArray())
            {
                try
                {
                    if (!tracee.WaitForInterrupt(Clocks.MonotonicNs() + TurnNs)) continue;
                    Resume(task, tracee);
                }
                catch (LinuxException e) when (e.Errno is Errno.ESRCH or Errno.ECHILD)
                {
                    // It has ended.
                }
                late.Remove((task, tracee));
            }
        }
    }

    private static Dictionary<int, SleepSample?> ObserveSleeps(ContainerCgroup cgroup)
    {
        var clock = new SleepClock();
        var samples = new Dictionary<int, SleepSample?>();
        foreach (int pid in cgroup.Pids())
            foreach (int tid in ProcessTree.Threads(pid))
                samples[tid] = clock.Observe(pid, tid);
        return samples;
    }
}
