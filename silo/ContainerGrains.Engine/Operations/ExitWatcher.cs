using System.Collections.Concurrent;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Waits for processes by pidfd (pidfd_open(2)), children of the engine and those that an earlier engine has left: a plain wait would eat
/// the ptrace stops that belong to other threads. One thread for all.
/// </summary>
internal sealed class ExitWatcher : IDisposable
{
    private readonly ConcurrentDictionary<int, (FileDescriptor PidFd, Action<ProcessExit> Exited)> _watched = new();
    private readonly EpollSet _epoll = new();
    private readonly FileDescriptor _wake = new(Kernel.Call("eventfd2", Syscall.eventfd2, 0, 0x80800));
    private volatile bool _stopping;

    public ExitWatcher()
    {
        _epoll.Add(_wake.Number, 0);
        new Thread(Run) { IsBackground = true, Name = "exit watcher" }.Start();
    }

    /// <summary>Calls <paramref name="exited"/> once, on the watcher's thread, when the process has ended; a child of ours was reaped by then.</summary>
    /// <exception cref="LinuxException">ESRCH: it is gone.</exception>
    public void Watch(int pid, Action<ProcessExit> exited)
    {
        FileDescriptor pidFd = PidFds.Open(pid);
        if (!_watched.TryAdd(pid, (pidFd, exited))) throw new InvalidOperationException($"pid {pid} is watched already");
        _epoll.Add(pidFd.Number, pid);
    }

    /// <summary>Forgets a process that somebody else reaps (a kill, a checkpoint that ends it). False when its exit was seen already.</summary>
    public bool Forget(int pid)
    {
        if (!_watched.TryRemove(pid, out var entry)) return false;
        _epoll.Remove(entry.PidFd.Number);
        entry.PidFd.Dispose();
        return true;
    }

    public void Dispose()
    {
        _stopping = true;
        Span<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        Linux.Files.WriteAll(_wake.Number, one);
    }

    private void Run()
    {
        while (!_stopping)
        {
            long ready = _epoll.Wait();
            if (ready == 0 || !_watched.TryGetValue((int)ready, out var entry)) continue;
            ProcessExit? exit = Reap((int)ready, entry.PidFd);
            if (exit is not null && Forget((int)ready)) entry.Exited(exit);
        }
        _epoll.Dispose();
        _wake.Dispose();
    }

    private static ProcessExit? Reap(int pid, FileDescriptor pidFd)
    {
        try
        {
            (int got, WaitStatus status) = WaitStatus.Wait(pid, WaitStatus.WNOHANG | WaitStatus.__WALL);
            if (got == 0 || !status.IsGone)
            {
                // A traced zombie waits for its tracer; look again in a moment.
                Poll.Sleep(1);
                return null;
            }
            return ExitOf(status);
        }
        catch (LinuxException e) when (e.Errno == Errno.ECHILD)
        {
            // Another's child, or reaped by whoever has killed it.
            return PidFds.ExitStatus(pidFd, pid) is { } status ? ExitOf(status) : ProcessExit.Unknown;
        }
    }

    private static ProcessExit ExitOf(WaitStatus status) => new(status.Exited ? status.ExitCode : 0, status.Killed ? status.TermSignal : 0);
}
