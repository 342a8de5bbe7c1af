using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>A call that a room wants made inside a frozen thread.</summary>
/// <param name="Call">Makes the call, given the address of its answer.</param>
/// <param name="AnswerBytes">Memory that the call fills; 0 when its result says all.</param>
/// <param name="Before">First word of that memory before the call: what the call wants to find there.</param>
public sealed record Question(Func<RemoteAddress, RemoteCall> Call, int AnswerBytes = 0, ulong Before = 0)
{
    /// <summary>A call that answers by its result.</summary>
    public static Question Of(int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0) => new(_ => new RemoteCall(number, a0, a1, a2, a3, a4));

    /// <summary>prctl(2) that answers by its result.</summary>
    public static Question Prctl(int operation, long a1 = 0) => Of(Syscall.prctl, operation, a1);

    /// <summary>prctl(2) that fills memory.</summary>
    public static Question PrctlInto(int operation, int answerBytes) => new(a => new RemoteCall(Syscall.prctl, operation, a), answerBytes);
}
