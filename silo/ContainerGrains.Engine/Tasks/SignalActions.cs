using System.Numerics;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// What a process does on each signal: sigaction(2). Only what /proc says is handled or ignored is asked, and SIGCHLD, whose flags
/// matter with the default action too (SA_NOCLDWAIT).
/// </summary>
/// <remarks>
/// Injected batches end with a SIGTRAP, which the kernel forces: ignoring it ends there. So its action is taken from
/// /proc as it was before the first injection, and given back by <see cref="SetTrapAction"/>, after the last batch, on both sides.
/// </remarks>
public sealed class SignalActions : AskedTaskResource<SignalActions.Record>
{
    /// <param name="Actions">All that differ from the default.</param>
    public sealed record Record(IReadOnlyList<SignalAction> Actions);

    /// <param name="Handler">Address, or 1 for ignored.</param>
    public sealed record SignalAction(int Signal, ulong Handler, ulong Flags, ulong Restorer, ulong Mask);

    private const ulong SIG_IGN = 1;
    private const int SigSetBytes = 8;

    public override string Kind => "signal-actions";
    public override RestoreStage Stage => RestoreStage.Signals;

    protected override IEnumerable<Question> Questions(TaskDump task)
    {
        foreach (int signal in Asked(task))
            yield return new Question(a => new RemoteCall(Syscall.rt_sigaction, signal, 0, a, SigSetBytes), KernelSigAction.SizeBytes);
    }

    protected override Record? Read(Answer[] answers, TaskDump task)
    {
        bool trapIgnored = (task.Status.Hex("SigIgn") & Signals.Bit(Signals.SIGTRAP)) != 0;
        var actions = new List<SignalAction>();
        int next = 0;
        foreach (int signal in Asked(task))
        {
            KernelSigAction action = answers[next++].As<KernelSigAction>("rt_sigaction");
            if (signal == Signals.SIGTRAP && trapIgnored) action.Handler = SIG_IGN;
            if (action.Handler != 0 || action.Flags != 0 || action.Mask != 0)
                actions.Add(new SignalAction(signal, action.Handler, action.Flags, action.Restorer, action.Mask));
        }
        return actions.Count > 0 ? new Record(actions) : null;
    }

    protected override void Give(Record record, CallList calls)
    {
        foreach (SignalAction action in record.Actions)
        {
            if (action.Signal is < 1 or > Signals.Last or Signals.SIGKILL or Signals.SIGSTOP)
                throw new EngineException(EngineError.BadImage, "restore: signal-actions", $"there is no action for signal {action.Signal}; the image is damaged");
            if (action.Signal != Signals.SIGTRAP)
                calls.Add(Syscall.rt_sigaction, action.Signal, calls.Put(Layout(action)), 0, SigSetBytes);
        }
    }

    /// <summary>The action for SIGTRAP in a record; null when it is the default.</summary>
    public static SignalAction? TrapAction(Record? record) => record?.Actions.FirstOrDefault(a => a.Signal == Signals.SIGTRAP);

    /// <summary>The action for SIGTRAP that a source has lost by the injection, to be given back before it thaws; null when it lost nothing.</summary>
    public static SignalAction? LostTrapAction(TaskDump task) =>
        (task.Status.Hex("SigIgn") & Signals.Bit(Signals.SIGTRAP)) != 0 ? new SignalAction(Signals.SIGTRAP, SIG_IGN, 0, 0, 0) : null;

    /// <summary>Sets the action for SIGTRAP by a call that is stepped, not run in a batch: nothing may be run in a batch afterwards.</summary>
    public static void SetTrapAction(Puppet puppet, SignalAction action)
    {
        puppet.ResetScratch();
        RemoteAddress argument = puppet.Put(Layout(action));
        long result = puppet.StepCall(puppet.StubAddress + Stub.SyscallOffset, new RemoteCall(Syscall.rt_sigaction, Signals.SIGTRAP, argument, 0, SigSetBytes));
        Result.Check(result, "rt_sigaction(SIGTRAP)", puppet.Tid);
    }

    private static IEnumerable<int> Asked(TaskDump task)
    {
        ulong set = task.Status.Hex("SigCgt") | task.Status.Hex("SigIgn") | Signals.Bit(Signals.SIGCHLD);
        for (; set != 0; set &= set - 1)
            yield return BitOperations.TrailingZeroCount(set) + 1;
    }

    private static KernelSigAction Layout(SignalAction action) => new() { Handler = action.Handler, Flags = action.Flags, Restorer = action.Restorer, Mask = action.Mask };
}
