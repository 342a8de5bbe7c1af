using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>The 15 bytes that ps and top show: PR_SET_NAME(2const), pthread_setname_np(3).</summary>
public sealed class ThreadName : AskedThreadResource<ThreadName.Record>
{
    /// <param name="Name">Its bytes, each as the character of that code: a name need not be UTF-8.</param>
    public sealed record Record(string Name);

    private const int NameBytes = 16;

    public override string Kind => "thread-name";
    public override RestoreStage Stage => RestoreStage.Threads;

    protected override IEnumerable<Question> Questions => [Question.PrctlInto(Prctl.PR_GET_NAME, NameBytes)];

    protected override Record Read(Answer[] answers)
    {
        answers[0].Value("prctl(PR_GET_NAME)");
        ReadOnlySpan<byte> name = answers[0].Memory.Span;
        int end = name.IndexOf((byte)0);
        return new Record(Encoding.Latin1.GetString(end < 0 ? name : name[..end]));
    }

    protected override void Give(Record record, CallList calls)
    {
        byte[] name = new byte[NameBytes];
        Encoding.Latin1.GetBytes(record.Name.AsSpan(0, Math.Min(record.Name.Length, NameBytes - 1)), name);
        calls.Add(Syscall.prctl, Prctl.PR_SET_NAME, calls.Put(name));
    }
}
