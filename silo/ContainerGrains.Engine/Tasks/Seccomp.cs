using System.Buffers.Binary;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Which system calls each thread may make: seccomp(2), in strict mode or with filters in the order of their installation. The engine's own calls
/// are exempt as long as it traces (PTRACE_O_SUSPEND_SECCOMP, which a source must have been seized with).
/// </summary>
public sealed class Seccomp : TaskResource<Seccomp.Record>, IAsksThread
{
    public sealed record Record(IReadOnlyList<ThreadState> Threads);

    /// <param name="Filters">Oldest first; none in strict mode.</param>
    public sealed record ThreadState(int VirtualTid, int Mode, IReadOnlyList<Filter> Filters);

    /// <param name="Flags">SECCOMP_FILTER_FLAG_LOG.</param>
    /// <param name="Blob">Instructions of 8 bytes (struct sock_filter).</param>
    public sealed record Filter(ulong Flags, int Blob);

    private const int SECCOMP_MODE_STRICT = 1, SECCOMP_MODE_FILTER = 2, SECCOMP_SET_MODE_STRICT = 0, SECCOMP_SET_MODE_FILTER = 1, SECCOMP_FILTER_FLAG_LOG = 2;
    private const int PR_GET_SECCOMP = 21, BPF_RET_K = 0x06, InstructionBytes = 8, MostInstructions = 4096, MostFilters = 1024;
    private const uint SECCOMP_RET_USER_NOTIF = 0x7fc00000, SECCOMP_RET_ACTION_FULL = 0xffff0000;
    private const ulong CAP_SYS_ADMIN = 1ul << 21;

    public override string Kind => "seccomp";
    public override RestoreStage Stage => RestoreStage.Credentials;

    public override IEnumerable<CheckpointObstacle> Preflight(LiveTask task)
    {
        if (!task.Status.Has("Seccomp") || task.Status.Int32("Seccomp") == 0) yield break;
        if ((ProcFields.Read("/proc/self/status").Hex("CapEff") & CAP_SYS_ADMIN) == 0)
            yield return task.Obstacle("seccomp", "its seccomp filters can only be read with CAP_SYS_ADMIN, which the silo lacks", "run the silo with it, or the program without seccomp");
    }

    IEnumerable<Question> IAsksThread.Questions(ThreadDump thread, DumpContext context) => [Question.Prctl(PR_GET_SECCOMP)];

    public override Record? Dump(TaskDump task, DumpContext context)
    {
        var threads = new List<ThreadState>();
        foreach (ThreadDump thread in task.Threads)
            if (Interview.Of(this, thread, context)[0].Result is (SECCOMP_MODE_STRICT or SECCOMP_MODE_FILTER) and var mode)
                threads.Add(new ThreadState(thread.VirtualTid, (int)mode, mode == SECCOMP_MODE_FILTER ? [.. FiltersOf(thread, context)] : []));
        return threads.Count > 0 ? new Record(threads) : null;
    }

    public override void Restore(Record record, TaskRestore task, RestoreContext context)
    {
        foreach (ThreadState state in record.Threads)
        {
            string title = $"thread {state.VirtualTid}";
            Puppet agent = task.Threads.FirstOrDefault(t => t.VirtualTid == state.VirtualTid)?.Agent
                ?? throw new EngineException(EngineError.BadImage, $"restore: {title}, {Kind}", "the process has no such thread; the image is damaged");
            Ptrace.SetOptions(agent.Tid, Tracee.Options | Ptrace.PTRACE_O_EXITKILL | Ptrace.PTRACE_O_SUSPEND_SECCOMP);
            if (state.Mode == SECCOMP_MODE_STRICT) agent.Call("seccomp(SECCOMP_SET_MODE_STRICT)", Syscall.seccomp, SECCOMP_SET_MODE_STRICT, 0, 0);
            foreach (Filter filter in state.Filters)
                Install(filter, context.Blob(filter.Blob), agent, $"restore: {title}, {Kind}");
        }
    }

    private static IEnumerable<Filter> FiltersOf(ThreadDump thread, DumpContext context)
    {
        for (int i = 0; i < MostFilters && Ptrace.GetSeccompFilter(thread.Tid, i) is { } program; i++)
        {
            if (Notifies(program))
                throw new EngineException(EngineError.NotCarried, $"dump: {thread.Task.Title}, seccomp", "a filter asks another process what to do (SECCOMP_RET_USER_NOTIF), which is not carried");
            // Threads share their filters, and children their parents': each is kept once.
            int blob = context.Once((typeof(Seccomp), Convert.ToBase64String(program)), () => context.AddBlob(program));
            yield return new Filter(Ptrace.GetSeccompFlags(thread.Tid, i), blob);
        }
    }

    private static void Install(Filter filter, byte[] program, Puppet agent, string stage)
    {
        int count = program.Length / InstructionBytes;
        if (program.Length % InstructionBytes != 0 || count is 0 or > MostInstructions || (filter.Flags & ~(ulong)SECCOMP_FILTER_FLAG_LOG) != 0)
            throw new EngineException(EngineError.BadImage, stage, $"a filter of {program.Length} bytes with flags 0x{filter.Flags:x} is none; the image is damaged");
        agent.ResetScratch();
        byte[] sockFprog = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(sockFprog, (ushort)count);
        BinaryPrimitives.WriteUInt64LittleEndian(sockFprog.AsSpan(8), agent.Put(program).Value);
        agent.Call("seccomp(SECCOMP_SET_MODE_FILTER)", Syscall.seccomp, SECCOMP_SET_MODE_FILTER, (long)filter.Flags, agent.Put(sockFprog));
    }

    private static bool Notifies(byte[] program)
    {
        for (int i = 0; i + InstructionBytes <= program.Length; i += InstructionBytes)
            if (BinaryPrimitives.ReadUInt16LittleEndian(program.AsSpan(i)) == BPF_RET_K
                && (BinaryPrimitives.ReadUInt32LittleEndian(program.AsSpan(i + 4)) & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF) return true;
        return false;
    }
}
