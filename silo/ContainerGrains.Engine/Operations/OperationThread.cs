using System.Runtime.ExceptionServices;

namespace ContainerGrains.Engine;

/// <summary>
/// The thread of one operation: ptrace ties tracees to the thread that seized them, setns changes only its caller. Work is
/// handed to it step by step; it ends when disposed, and with it everything it still traces is let go.
/// </summary>
internal sealed class OperationThread : IDisposable
{
    private readonly System.Collections.Concurrent.BlockingCollection<Action> _work = new(boundedCapacity: 16);
    private readonly Thread _thread;

    public OperationThread(string name)
    {
        _thread = new Thread(Loop) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Runs on the thread and returns its result, or throws what it threw.</summary>
    public T Run<T>(Func<T> work)
    {
        T? result = default;
        ExceptionDispatchInfo? error = null;
        using var done = new ManualResetEventSlim();
        _work.Add(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
            finally
            {
                done.Set();
            }
        });
        done.Wait();
        error?.Throw();
        return result!;
    }

    public void Run(Action work) => Run(() =>
    {
        work();
        return true;
    });

    /// <summary>One operation on a thread of its own.</summary>
    public static T RunOnce<T>(string name, Func<T> work)
    {
        using var thread = new OperationThread(name);
        return thread.Run(work);
    }

    public void Dispose()
    {
        if (_work.IsAddingCompleted) return;
        _work.CompleteAdding();
        if (Thread.CurrentThread != _thread) _thread.Join();
    }

    private void Loop()
    {
        foreach (Action work in _work.GetConsumingEnumerable()) work();
    }
}
