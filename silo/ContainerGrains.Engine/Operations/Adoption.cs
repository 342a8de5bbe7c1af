using System.Text.Json;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// The containers that an earlier engine of this host has left: it was killed, or made room for a newer one. Each that is still what its
/// directory says is taken back; what nobody can go on with is cleared away.
/// </summary>
internal static class Adoption
{
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    public static IReadOnlyList<FoundContainer> Run(ContainerEngine engine)
    {
        string directory = ContainerDirectory.AllOf(engine.Options);
        string[] directories = Directory.Exists(directory) ? [.. Directory.GetDirectories(directory).Select(path => Path.GetFileName(path))] : [];
        // A group without a directory is what remains when a removal was interrupted.
        return [.. directories.Union(ContainerCgroup.Names(engine.Mounts, engine.Options)).Order(StringComparer.Ordinal).Select(name => LookSafely(engine, name)).OfType<FoundContainer>()];
    }

    // One that cannot be understood must not keep the others from their host.
    private static FoundContainer? LookSafely(ContainerEngine engine, string name)
    {
        try
        {
            return Look(engine, name);
        }
        catch (Exception e) when (e is LinuxException or EngineException or IOException or JsonException or UnauthorizedAccessException)
        {
            return new FoundContainer(name, FoundState.Left, null, $"it cannot be taken back ({e.Message})");
        }
    }

    private static FoundContainer? Look(ContainerEngine engine, string name)
    {
        ContainerDirectory directory = ContainerDirectory.Of(engine.Options, name);
        ContainerCgroup? cgroup = ContainerCgroup.Find(engine.Mounts, engine.Options, name);
        ContainerState? state = directory.ReadState();
        if (name == WarmUp.Name || state is null && directory.Incoming.Stands)
        {
            // Its half-built processes have died with their tracer, or do so now.
            engine.Delete(name);
            return null;
        }
        if (state is null)
        {
            if (cgroup is { } group && group.Pids().Length > 0) return new FoundContainer(name, FoundState.Left, null, "nothing was written down of it");
            cgroup?.Remove();
            return null;
        }
        if (cgroup is null || state.BootId != ContainerState.CurrentBootId || !state.Init.IsThere() || !cgroup.Pids().Contains(state.Init.Pid))
        {
            Clear(directory, cgroup);
            return new FoundContainer(name, FoundState.Ended, null, "its processes ended while no engine ran");
        }
        if (directory.InHand.Stands)
        {
            Kill(state.Init, cgroup);
            Clear(directory, cgroup);
            return new FoundContainer(name, FoundState.Killed, null, "the engine before this one died while it made calls inside its processes, and they cannot go on from there");
        }
        return new FoundContainer(name, FoundState.TakenBack, TakeBack(engine, state, directory, cgroup), "");
    }

    private static EngineContainer TakeBack(ContainerEngine engine, ContainerState state, ContainerDirectory directory, ContainerCgroup cgroup)
    {
        NetworkAttachment network = NetworkAttachment.TakeBack(state.Config, state.Init.Pid, state.LinkName);
        var container = new EngineContainer(engine, state.Config, engine.TakePidspace(state.Pidspace), state.Init.Pid, cgroup, directory, network) { StartedAt = state.StartedAt, Warnings = state.Warnings };
        try
        {
            engine.Add(container);
            TakeBackExecs(container, state, directory);
            container.Watch();
            // By now the watcher holds it: a process that has its pid later cannot be meant.
            if (!state.Init.IsThere()) throw new EngineException(EngineError.Gone, "adopt", "it ended in this moment");
            return container;
        }
        catch
        {
            engine.Watcher.Forget(container.InitPid);
            engine.Remove(container);
            throw;
        }
    }

    private static void TakeBackExecs(EngineContainer container, ContainerState state, ContainerDirectory directory)
    {
        var sessions = ExecSession.Load(directory).ToDictionary(s => s.Id);
        foreach ((string id, ContainerState.Exec exec) in state.Execs)
        {
            if (!sessions.TryGetValue(id, out ExecSession? session)) sessions[id] = session = new ExecSession(directory, id, exec.VirtualPid);
            if (!session.Exited.IsCompleted && exec.Process.IsThere()) container.TryWatchExec(session, exec.Process.Pid);
        }
        foreach (ExecSession session in sessions.Values.Where(s => container.FindExec(s.Id) is null))
        {
            if (!session.Exited.IsCompleted) session.Ended(ProcessExit.Unknown);
            container.AddEndedExec(session);
        }
    }

    private static void Kill(ProcessIdentity init, ContainerCgroup cgroup)
    {
        using FileDescriptor pidFd = PidFds.Open(init.Pid);
        cgroup.Kill();
        Poll.Wait(pidFd.Number, Poll.POLLIN, (int)KillPatience.TotalMilliseconds);
    }

    // As when a container ends: its output and its files stay.
    private static void Clear(ContainerDirectory directory, ContainerCgroup? cgroup)
    {
        cgroup?.Kill();
        cgroup?.Remove();
        directory.DeleteState();
    }
}
