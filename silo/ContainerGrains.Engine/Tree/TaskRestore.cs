using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A process while it is restored: a puppet with the old virtual pid.</summary>
public sealed class TaskRestore(int virtualPid, Puppet agent)
{
    public int VirtualPid { get; } = virtualPid;

    /// <summary>Runs calls inside the process, in its main thread.</summary>
    public Puppet Agent { get; } = agent;

    /// <summary>Real pid on this host.</summary>
    public int Pid => Agent.Tid;

    /// <summary>Main thread first.</summary>
    public List<ThreadRestore> Threads { get; } = [];
}

/// <summary>A thread while it is restored.</summary>
public sealed class ThreadRestore(TaskRestore task, int virtualTid, Puppet agent)
{
    public TaskRestore Task { get; } = task;
    public int VirtualTid { get; } = virtualTid;
    public Puppet Agent { get; } = agent;
}
