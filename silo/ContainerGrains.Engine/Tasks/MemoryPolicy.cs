using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>From which NUMA nodes a thread's memory comes: set_mempolicy(2). Those of single mappings (mbind(2)) are not carried.</summary>
public sealed class MemoryPolicy : AskedThreadResource<MemoryPolicy.Record>
{
    /// <param name="Mode">MPOL_… with its flags.</param>
    /// <param name="Nodes">Bit n of byte n / 8 for node n.</param>
    public sealed record Record(int Mode, byte[] Nodes);

    private const int MaskBytes = 128, MaskBits = MaskBytes * 8, MaskOffset = 8;

    public override string Kind => "memory-policy";
    public override RestoreStage Stage => RestoreStage.Threads;

    protected override IEnumerable<Question> Questions => [new Question(a => new RemoteCall(Syscall.get_mempolicy, a, a + MaskOffset, MaskBits, 0, 0), MaskOffset + MaskBytes)];

    protected override Record? Read(Answer[] answers)
    {
        // ENOSYS: a kernel without NUMA.
        if (answers[0].Result < 0) return null;
        int mode = answers[0].As<int>("get_mempolicy");
        return mode != 0 ? new Record(mode, answers[0].Memory[MaskOffset..].ToArray()) : null;
    }

    // The kernel takes one bit less than it is told.
    protected override void Give(Record record, CallList calls) =>
        calls.Add(Syscall.set_mempolicy, record.Mode, record.Nodes.AsSpan().ContainsAnyExcept((byte)0) ? calls.Put(record.Nodes) : 0, record.Nodes.Length * 8 + 1);

    public override void Restore(Record record, ThreadRestore thread, RestoreContext context)
    {
        try
        {
            base.Restore(record, thread, context);
        }
        catch (EngineException e) when (e.InnerException is LinuxException { Errno: Errno.EINVAL or Errno.ENOSYS or Errno.EPERM })
        {
            context.Warnings.Add($"thread {thread.VirtualTid}: takes memory from all NUMA nodes; its own choice (mode {record.Mode}) cannot be given on this host");
        }
    }
}
