using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// User and group ids, supplementary groups, the five capability sets, securebits and no_new_privs: credentials(7), capabilities(7).
/// All threads of a process must have the same.
/// </summary>
public sealed class Credentials : TaskResource<Credentials.Record>, IAsksThread
{
    /// <param name="Uids">Real, effective, saved, file system.</param>
    /// <param name="Gids">Likewise.</param>
    public sealed record Record(
        IReadOnlyList<int> Uids, IReadOnlyList<int> Gids, IReadOnlyList<int> Groups, ulong Inheritable, ulong Permitted, ulong Effective, ulong Bounding, ulong Ambient,
        int SecureBits, bool NoNewPrivileges);

    // Kept over fork and exec, but for this one.
    private const int SECBIT_KEEP_CAPS = 1 << 4;
    private const int SECBIT_NO_SETUID_FIXUP = 1 << 2;
    private const int LastCapability = 63;
    /// <summary>Lines of /proc/PID/task/TID/status that all threads must have in common.</summary>
    private static readonly string[] Compared = ["Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"];

    public override string Kind => "credentials";
    public override RestoreStage Stage => RestoreStage.Credentials;

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        if (task.Stat.Threads < 2) yield break;
        foreach (int tid in ProcessTree.Threads(task.Pid))
        {
            if (ThreadIds.TryReadStatus(task.Pid, tid) is not { } status) continue;
            if (Compared.FirstOrDefault(key => status[key] != task.Status[key]) is { } differs)
                yield return task.Obstacle($"thread {tid}", $"its credentials differ from the main thread's ({differs})", "drop or change privileges in the whole process");
        }
    }

    IEnumerable<Question> IAsksThread.Questions(ThreadDump thread, DumpContext context) =>
    [
        new Question(a => new RemoteCall(Syscall.getresuid, a, a + 4, a + 8), 12),
        new Question(a => new RemoteCall(Syscall.getresgid, a, a + 4, a + 8), 12),
        new Question(a => new RemoteCall(Syscall.capget, a, a + 8), 8 + CapabilityData.SizeBytes, CapabilityData.Header),
        Question.Prctl(Prctl.PR_GET_SECUREBITS),
        Question.Prctl(Prctl.PR_GET_NO_NEW_PRIVS),
    ];

    public override Record Dump(TaskDump task, DumpContext context)
    {
        Answer[] main = Interview.Of(this, task.Threads[0], context);
        foreach (ThreadDump thread in task.Threads.Skip(1))
            if (Interview.Of(this, thread, context).Zip(main).Any(pair => !Same(pair.First, pair.Second)))
                throw new EngineException(EngineError.NotCarried, $"dump: {task.Title}, thread {thread.VirtualTid}", "its credentials differ from the main thread's");
        ProcFields status = task.Status;
        return new Record(status.Int32s("Uid"), status.Int32s("Gid"), status.Int32s("Groups"), status.Hex("CapInh"), status.Hex("CapPrm"), status.Hex("CapEff"),
            status.Hex("CapBnd"), status.Hex("CapAmb"), (int)main[3].Value("prctl(PR_GET_SECUREBITS)"), main[4].Value("prctl(PR_GET_NO_NEW_PRIVS)") != 0);
    }

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        string title = $"process {task.VirtualPid}";
        if (record.Uids.Count != 4 || record.Gids.Count != 4)
            throw new EngineException(EngineError.BadImage, $"restore: {title}, {Kind}", "ids are incomplete; the image is damaged");
        ProcFields now = context.PuppetStatus;
        if (IsInherited(record, now)) return;
        if ((record.Permitted & ~now.Hex("CapPrm")) is not 0 and ulong missing)
            throw new EngineException(EngineError.FeatureMissing, $"restore: {title}, {Kind}", $"this silo lacks the capabilities 0x{missing:x} that the process has; run it with them");
        foreach (ThreadRestore thread in task.Threads)
        {
            var calls = new CallList(thread.Agent);
            Give(record, now, calls);
            calls.Run(Kind, $"{title}, thread {thread.VirtualTid}");
        }
    }

    private static bool IsInherited(Record record, ProcFields now) =>
        record.Uids.SequenceEqual(now.Int32s("Uid")) && record.Gids.SequenceEqual(now.Int32s("Gid")) && record.Groups.SequenceEqual(now.Int32s("Groups"))
        && record.Inheritable == now.Hex("CapInh") && record.Permitted == now.Hex("CapPrm") && record.Effective == now.Hex("CapEff")
        && record.Bounding == now.Hex("CapBnd") && record.Ambient == now.Hex("CapAmb") && record.NoNewPrivileges == (now.Int32("NoNewPrivs") != 0)
        && record.SecureBits == (Kernel.Raw(Syscall.prctl, Prctl.PR_GET_SECUREBITS) & ~SECBIT_KEEP_CAPS);

    /// <summary>
    /// From the most privileged state downwards: SECBIT_NO_SETUID_FIXUP keeps the capabilities through the change of ids, securebits
    /// may lock what comes before them, and the last capset takes CAP_SETPCAP itself.
    /// </summary>
    private static void Give(Record record, ProcFields now, CallList calls)
    {
        calls.Add(Syscall.prctl, Prctl.PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP);
        calls.Add(Syscall.setgroups, record.Groups.Count, calls.Put(Words(record.Groups)));
        calls.Add(Syscall.setresgid, record.Gids[0], record.Gids[1], record.Gids[2]);
        calls.Add(Syscall.setfsgid, record.Gids[3]);
        calls.Add(Syscall.setresuid, record.Uids[0], record.Uids[1], record.Uids[2]);
        calls.Add(Syscall.setfsuid, record.Uids[3]);
        ulong bounding = now.Hex("CapBnd");
        for (int capability = 0; capability <= LastCapability; capability++)
            if (Has(bounding, capability) && !Has(record.Bounding, capability))
                calls.Add(Syscall.prctl, Prctl.PR_CAPBSET_DROP, capability);

        ulong permitted = now.Hex("CapPrm");
        RemoteAddress header = calls.Put(CapabilityData.Header);
        calls.Add(Syscall.prctl, Prctl.PR_CAP_AMBIENT, Prctl.PR_CAP_AMBIENT_CLEAR_ALL);
        calls.Add(Syscall.capset, header, calls.Put(new CapabilityData(permitted, permitted, record.Inheritable)));
        for (int capability = 0; capability <= LastCapability; capability++)
            if (Has(record.Ambient, capability))
                calls.Add(Syscall.prctl, Prctl.PR_CAP_AMBIENT, Prctl.PR_CAP_AMBIENT_RAISE, capability);
        calls.Add(Syscall.prctl, Prctl.PR_SET_SECUREBITS, record.SecureBits);
        calls.Add(Syscall.capset, header, calls.Put(new CapabilityData(record.Effective, record.Permitted, record.Inheritable)));
        if (record.NoNewPrivileges) calls.Add(Syscall.prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1);
    }

    private static bool Has(ulong set, int capability) => (set >> capability & 1) != 0;

    private static bool Same(Answer a, Answer b) => a.Result == b.Result && a.Memory.Span.SequenceEqual(b.Memory.Span);

    private static byte[] Words(IReadOnlyList<int> values)
    {
        byte[] bytes = new byte[values.Count * sizeof(int)];
        Buffer.BlockCopy(values.ToArray(), 0, bytes, 0, bytes.Length);
        return bytes;
    }
}
