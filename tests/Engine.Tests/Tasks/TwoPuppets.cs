using System.Text.Json;

namespace ContainerGrains.Engine.Tests.TaskRooms;

/// <summary>A process that is dumped and a fresh one that becomes it: what a room carries is asked of both.</summary>
public sealed class TwoPuppets : IDisposable
{
    public const ulong ThreadFlags = CloneFlags.CLONE_VM | CloneFlags.CLONE_FS | CloneFlags.CLONE_FILES | CloneFlags.CLONE_SIGHAND | CloneFlags.CLONE_THREAD | CloneFlags.CLONE_SYSVSEM;

    private readonly List<Puppet> _sourceThreads = [], _targetThreads = [];
    private readonly Bystanders _bystanders;
    private readonly ContainerConfig _config = new() { Name = "test", Args = ["test"] };

    public TwoPuppets() => _bystanders = new Bystanders(Source.Tid);

    public Puppet Source { get; } = Puppet.Spawn();
    public Puppet Target { get; } = Puppet.Spawn();
    public List<string> Warnings { get; } = [];

    /// <summary>Gives both a further thread.</summary>
    public (Puppet Source, Puppet Target) AddThread()
    {
        _sourceThreads.Add(Source.Clone(ThreadFlags, 0, []));
        _targetThreads.Add(Target.Clone(ThreadFlags, 0, []));
        return (_sourceThreads[^1], _targetThreads[^1]);
    }

    /// <summary>The source as it is seen in a dump; in it, threads have the virtual tids of the target's.</summary>
    public (TaskDump Task, DumpContext Context) Freeze()
    {
        var task = new TaskDump([Source.Tid, Target.Tid], ProcStat.Read(Source.Tid), ProcFields.Read($"/proc/{Source.Tid}/status")) { AgentOrNull = Source };
        foreach ((Puppet thread, Puppet target) in _sourceThreads.Prepend(Source).Zip(_targetThreads.Prepend(Target)))
            task.Threads.Add(new ThreadDump(task, thread, target.Tid, thread.Regs) { AgentOrNull = thread });
        var context = new DumpContext(_config, Path.GetTempPath(), Source.Tid) { Bystanders = _bystanders };
        context.Tasks.Add(new TaskDump([Environment.ProcessId], ProcStat.Read(Environment.ProcessId), ProcFields.Read("/proc/self/status")));
        context.Tasks.Add(task);
        return (task, context);
    }

    /// <summary>Dumps the source and restores the target, through JSON as an image does; the record, or null when there was nothing.</summary>
    public TRecord? Survive<TRecord>(TaskResource<TRecord> room) where TRecord : class
    {
        (TaskDump task, DumpContext context) = Freeze();
        if (room.DumpJson(task, context) is not { } data) return null;
        (TaskRestore restored, RestoreContext restore) = Restored(context.Blobs);
        room.RestoreJson(Reread(data), restored, restore);
        Warnings.AddRange(restore.Warnings);
        return RecordJson.Read<TRecord>(data, room.Kind);
    }

    /// <summary>Likewise for what every thread has.</summary>
    public IReadOnlyList<TRecord?> Survive<TRecord>(ThreadResource<TRecord> room) where TRecord : class
    {
        (TaskDump task, DumpContext context) = Freeze();
        (TaskRestore restored, RestoreContext restore) = Restored();
        var records = new List<TRecord?>();
        foreach ((ThreadDump thread, ThreadRestore target) in task.Threads.Zip(restored.Threads))
        {
            JsonElement? data = room.DumpJson(thread, context);
            if (data is { } some) room.RestoreJson(Reread(some), target, restore);
            records.Add(data is { } record ? RecordJson.Read<TRecord>(record, room.Kind) : null);
        }
        Warnings.AddRange(restore.Warnings);
        return records;
    }

    public (TaskRestore Task, RestoreContext Context) Restored(IReadOnlyList<byte[]>? blobs = null)
    {
        var task = new TaskRestore(Target.Tid, Target);
        foreach (Puppet thread in _targetThreads.Prepend(Target))
            task.Threads.Add(new ThreadRestore(task, thread.Tid, thread));
        var context = new RestoreContext(_config, Path.GetTempPath(), Target.Tid, blobs ?? []);
        context.Tasks.Add(task);
        return (task, context);
    }

    private static JsonElement Reread(JsonElement data) => JsonSerializer.Deserialize<JsonElement>(JsonSerializer.SerializeToUtf8Bytes(data));

    public void Dispose()
    {
        _bystanders.Dispose();
        End(Source, _sourceThreads);
        End(Target, _targetThreads);
    }

    // A process cannot be reaped before its traced threads are.
    private static void End(Puppet main, List<Puppet> threads)
    {
        _ = Kernel.Raw(Syscall.kill, main.Tid, Signals.SIGKILL);
        const int limit = 16;
        foreach (Puppet thread in threads)
            for (int i = 0; i < limit && !thread.IsGone; i++) thread.WaitForStop();
        main.Kill();
    }
}
