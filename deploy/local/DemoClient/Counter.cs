using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace ContainerGrains.DemoClient;

/// <summary>
/// One TCP connection to a redis: fills it, then sends INCR a thousand times a second, each after the last one's answer, which
/// must be exactly one more. A thread of its own; blocking, so that a gap is measured where it happens.
/// </summary>
internal sealed class Counter(IPEndPoint server, int mebibytes)
{
    private const string Key = "containergrains:demo";
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(1);
    private readonly Thread _thread = new(static state => ((Counter)state!).Run()) { IsBackground = true, Name = "counter" };
    private RedisConnection? _connection;
    private long _replies, _lost, _reconnects, _wrong, _previous, _longestGapTicks, _lastAnswer;
    private volatile bool _stopping;

    public long Replies => Volatile.Read(ref _replies);

    /// <summary>Connects and fills; the counting goes on behind.</summary>
    public void Start()
    {
        _connection = Connect();
        _connection.Fill(mebibytes);
        _connection.Call($"SET {Key} 0\r\n");
        _lastAnswer = Stopwatch.GetTimestamp();
        _thread.Start(this);
    }

    /// <summary>The longest time between two answers since the last call, ms; one that has not ended counts too.</summary>
    public double TakeLongestGapMs()
    {
        long now = Stopwatch.GetTimestamp();
        return Stopwatch.GetElapsedTime(0, Math.Max(Interlocked.Exchange(ref _longestGapTicks, 0), now - Volatile.Read(ref _lastAnswer))).TotalMilliseconds;
    }

    public CounterResult Stop()
    {
        _stopping = true;
        _thread.Join();
        _connection?.Dispose();
        return new CounterResult(_replies, _lost, _reconnects, _wrong);
    }

    private void Run()
    {
        long next = _lastAnswer;
        while (!_stopping)
        {
            TimeSpan early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), next);
            if (early > Period / 2) Thread.Sleep(Period);
            Count();
            long now = Stopwatch.GetTimestamp();
            long gap = now - _lastAnswer;
            Volatile.Write(ref _lastAnswer, now);
            if (gap > Volatile.Read(ref _longestGapTicks)) Volatile.Write(ref _longestGapTicks, gap);
            // After a gap the pace goes on from here: no burst makes up for it.
            next = Math.Max(next + (long)(Period.TotalSeconds * Stopwatch.Frequency), now - Stopwatch.Frequency / 100);
        }
    }

    private void Count()
    {
        try
        {
            _connection ??= Reconnect();
            long answer = _connection.Call($"INCR {Key}\r\n");
            Volatile.Write(ref _replies, _replies + 1);
            if (answer != _previous + 1) _wrong++;
            _previous = answer;
        }
        catch (Exception e) when (e is SocketException or IOException or FormatException)
        {
            Console.Error.WriteLine($"{DateTime.UtcNow:HH:mm:ss.fff} {e.Message}");
            _lost++;
            _connection?.Dispose();
            _connection = null;
            Thread.Sleep(Period);
        }
    }

    private RedisConnection Reconnect()
    {
        _reconnects++;
        return Connect();
    }

    private RedisConnection Connect()
    {
        // A server that was just started may not listen yet.
        for (long start = Stopwatch.GetTimestamp(); ; Thread.Sleep(20))
        {
            try
            {
                return new RedisConnection(server, AnswerTimeout);
            }
            catch (SocketException) when (!_stopping && Stopwatch.GetElapsedTime(start) < AnswerTimeout)
            {
                continue;
            }
        }
    }
}
