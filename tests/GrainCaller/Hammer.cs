using System.Collections.Concurrent;
using ContainerGrains.Client;

namespace ContainerGrains.GrainCaller;

/// <summary>Several tasks that call one container: what changes something in it can be counted there, what asks has one right answer.</summary>
internal sealed class Hammer(ContainerHandle container, int tasks, int calls)
{
    // Real-time signals queue: each one that was sent arrives.
    private const int Signal = 40;
    // Of so many calls one is an exec, some are questions, the others signals.
    private const int ExecEvery = 25, AskEvery = 2;
    private readonly ConcurrentBag<int> _execs = [];
    private readonly ConcurrentBag<string> _failures = [];
    private int _calls, _signals;

    public async Task<Tally> RunAsync(Task enough)
    {
        await Task.WhenAll(Enumerable.Range(0, tasks).Select(_ => LoopAsync(enough)));
        return new Tally(_calls, _signals, [.. _execs], [.. _failures]);
    }

    private async Task LoopAsync(Task enough)
    {
        while (true)
        {
            int number = Interlocked.Increment(ref _calls);
            try
            {
                await CallAsync(number);
            }
            catch (Exception e)
            {
                _failures.Add($"call {number}: {e.GetType().Name}: {e.Message}");
            }
            if (number >= calls && enough.IsCompleted) return;
        }
    }

    private async Task CallAsync(int number)
    {
        if (number % ExecEvery == 0)
        {
            ExecResult result = await container.ExecAsync(["sh", "-c", $"echo {number} >> /calls && echo {number}"]);
            if (result.Exit.ShellCode != 0 || result.StdoutText != $"{number}\n") throw new InvalidDataException($"exec said '{result.StdoutText}', '{result.StderrText}', {result.Exit}");
            _execs.Add(number);
        }
        else if (number % AskEvery == 0)
        {
            await AskAsync(number / AskEvery);
        }
        else
        {
            await container.SignalAsync(Signal);
            Interlocked.Increment(ref _signals);
        }
    }

    private async Task AskAsync(int number)
    {
        switch (number % 3)
        {
            case 0:
                ContainerStatus status = await container.GetStatusAsync();
                if (status.Phase is not (ContainerPhase.Running or ContainerPhase.Moving)) throw new InvalidDataException($"status said {status.Phase}");
                break;
            case 1:
                int pid = await container.TranslatePidAsync(1, "", "host");
                if (pid <= 1) throw new InvalidDataException($"pid 1 translates to {pid}");
                break;
            default:
                if (!(await container.GetProcessesAsync()).Any(p => p.VirtualPid == 1)) throw new InvalidDataException("no process has the virtual pid 1");
                break;
        }
    }
}
