using System.Diagnostics;

namespace ContainerGrains.Survival.Tests;

/// <summary>A client that speaks with its server without a pause, on a thread of its own, and stops at the first wrong answer.</summary>
internal sealed class Conversation : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Action<long> _exchange;
    private readonly Thread _thread;
    private volatile bool _stopping;
    private long _exchanges;
    private double _longestMs;
    private Exception? _error;

    /// <param name="exchange">The n-th question and answer, from 1; throws when the answer is wrong.</param>
    public Conversation(Action<long> exchange)
    {
        _exchange = exchange;
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public long Exchanges => Interlocked.Read(ref _exchanges);

    /// <summary>The longest time between question and answer.</summary>
    public double LongestMs => Volatile.Read(ref _longestMs);

    public void WaitForMore(int exchanges)
    {
        long wanted = Exchanges + exchanges, start = Stopwatch.GetTimestamp();
        while (Exchanges < wanted)
        {
            if (_error is not null) throw new InvalidOperationException($"after {Exchanges} exchanges: {_error.Message}", _error);
            if (Stopwatch.GetElapsedTime(start) > Patience) throw new TimeoutException($"no answer for {Patience.TotalSeconds} s after {Exchanges} exchanges");
            Thread.Sleep(1);
        }
    }

    /// <summary>Ends it; what was wrong is thrown.</summary>
    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
        if (_error is not null) throw new InvalidOperationException($"after {Exchanges} exchanges: {_error.Message}", _error);
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                long start = Stopwatch.GetTimestamp();
                _exchange(_exchanges + 1);
                Volatile.Write(ref _longestMs, Math.Max(_longestMs, Stopwatch.GetElapsedTime(start).TotalMilliseconds));
                Interlocked.Increment(ref _exchanges);
            }
        }
        catch (Exception e)
        {
            _error = e;
        }
    }
}
