using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using ContainerGrains.Engine;

namespace ContainerGrains.TestKit;

/// <summary>A container that goes round the hosts of an <see cref="EngineTrio"/>, with what every move must keep checked in every move.</summary>
public sealed class ContainerMover(EngineTrio trio, IEngineContainer container, string imagePath)
{
    private static readonly MoveSettings Settings = new(TimeSpan.FromSeconds(10));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private int _at;

    /// <summary>Of each move, before its cut-over.</summary>
    public int Rounds { get; set; } = 2;

    /// <summary>As it is now: another one after every move.</summary>
    public IEngineContainer Container { get; private set; } = container;

    public TestHost Host => trio.Hosts[_at];
    public TestHost Next => trio.Hosts[(_at + 1) % trio.Hosts.Count];

    /// <summary>How long the container stood still in each move, from the freeze to the commit, ms.</summary>
    public List<double> FrozenMs { get; } = [];

    /// <summary>Whole lines that the container has written to its output, from its beginning on.</summary>
    public IReadOnlyList<string> Lines => WholeLines(Container.StdoutPath);

    public string Errors => File.ReadAllText(Container.StderrPath);

    public static IReadOnlyList<string> WholeLines(string path)
    {
        string text = File.ReadAllText(path);
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Waits until the container has written so many lines more.</summary>
    public void WaitForLines(int more)
    {
        int wanted = Lines.Count + more;
        WaitFor(() => Lines.Count >= wanted, $"{more} lines more of output");
    }

    public void WaitFor(Func<bool> condition, string what)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Container.Exited.IsCompleted && !condition()) throw new InvalidOperationException($"the container ended ({Container.Exited.Result}) before {what}; {Tail()}");
            if (System.Diagnostics.Stopwatch.GetElapsedTime(start) > Patience) throw new TimeoutException($"waited {Patience.TotalSeconds} s for {what}; {Tail()}");
            Thread.Sleep(2);
        }
    }

    public ProcessExit WaitForExit()
    {
        if (!Container.Exited.Wait(Patience)) throw new TimeoutException($"the container did not end within {Patience.TotalSeconds} s; {Tail()}");
        return Container.Exited.Result;
    }

    /// <summary>Runs a program in the container, waits for its end and returns what it wrote.</summary>
    public string Execute(params string[] args)
    {
        IExecSession exec = Container.Exec(new ExecConfig(args, [], null, null, []), CancellationToken.None);
        if (!exec.Exited.Wait(Patience)) throw new TimeoutException($"'{args[0]}' did not end within {Patience.TotalSeconds} s");
        if (exec.Exited.Result != new ProcessExit(0, 0)) throw new InvalidOperationException($"'{args[0]}' ended with {exec.Exited.Result}: {File.ReadAllText(exec.StderrPath)}");
        return File.ReadAllText(exec.StdoutPath);
    }

    /// <summary>To the next host, as two silos do it.</summary>
    public void Move()
    {
        try
        {
            MoveOnce();
        }
        catch (EngineException e) when (e.Error == EngineError.Gone)
        {
            throw new InvalidOperationException($"the container ended ({Container.Exited.Result}) in the middle of a move; {Tail()}", e);
        }
    }

    /// <summary>Freezes that something stood in the way of for a moment, in all moves and aborts.</summary>
    public int FreezesAgain { get; private set; }

    /// <summary>One attempt over a wire that the source sees through something else (one that is cut), perhaps to a host that knows another <paramref name="config"/>.</summary>
    public void MoveOver(Func<Wire, Stream> sourceEnd, ContainerConfig? config = null) => MoveOnce(sourceEnd, config);

    /// <summary>A move that comes to nothing after everything was sent: the target goes, the source thaws.</summary>
    public void Abort()
    {
        TestHost from = Host, to = Next;
        using var wire = new Wire();
        using IMoveSource source = from.Run(() => Container.BeginMove(wire.Source, Settings));
        using IMoveTarget target = to.Run(() => to.Engine.BeginReceive(wire.Target, Container.Config));
        AbortedBytes = 0;
        Both(() => AbortedBytes += source.Round(CancellationToken.None).Bytes, target, wire);
        Both(() => AbortedBytes += CutOver(source).Bytes, target, wire);
    }

    /// <summary>Bytes on the wire of the last <see cref="Abort"/>.</summary>
    public long AbortedBytes { get; private set; }

    /// <summary>Into a file, away from its host, and back to life on the next one.</summary>
    public void ThroughFile()
    {
        Save(imagePath);
        Load(imagePath);
        File.Delete(imagePath);
    }

    /// <summary>Into a file, and on where it is.</summary>
    public CheckpointResult Checkpoint(string path)
    {
        using FileStream image = File.Create(path);
        return Host.Run(() => Container.Checkpoint(image, leaveRunning: true, CancellationToken.None));
    }

    /// <summary>Killed, and gone from its host: what it did since a checkpoint is lost.</summary>
    public void Lose() => Host.Run(() => Host.Engine.Delete(Container.Name));

    /// <summary>Into a file and away from its host.</summary>
    public void Save(string path)
    {
        using (FileStream image = File.Create(path))
            Host.Run(() => Container.Checkpoint(image, leaveRunning: false, CancellationToken.None));
        Lose();
    }

    /// <summary>Back to life on the next host.</summary>
    public void Load(string path)
    {
        TestHost to = Next;
        using FileStream image = File.OpenRead(path);
        Container = to.Run(() => to.Engine.Restore(image, Container.Config, CancellationToken.None));
        _at = (_at + 1) % trio.Hosts.Count;
    }

    private CutOverResult CutOver(IMoveSource source)
    {
        CutOverResult result = source.CutOver(CancellationToken.None);
        FreezesAgain += result.Freezes - 1;
        return result;
    }

    private void MoveOnce(Func<Wire, Stream>? sourceEnd = null, ContainerConfig? config = null)
    {
        TestHost from = Host, to = Next;
        var wire = new Wire();
        IMoveSource? source = null;
        IMoveTarget? target = null;
        try
        {
            source = from.Run(() => Container.BeginMove(sourceEnd?.Invoke(wire) ?? wire.Source, Settings));
            target = to.Run(() => to.Engine.BeginReceive(wire.Target, config ?? Container.Config));
            for (int round = 0; round < Rounds; round++) Both(() => source.Round(CancellationToken.None), target, wire);
            long frozen = System.Diagnostics.Stopwatch.GetTimestamp();
            ProcessSnapshot? before = null;
            Both(() =>
            {
                CutOver(source);
                before = ProcessSnapshot.Read(from.Name, Container.Name);
            }, target, wire);
            Compare(before!, ProcessSnapshot.Read(to.Name, Container.Name));
            Container = to.Run(() => target.Commit(source.TakeHeldFrames()));
            FrozenMs.Add(System.Diagnostics.Stopwatch.GetElapsedTime(frozen).TotalMilliseconds);
            _at = (_at + 1) % trio.Hosts.Count;
            from.Run(source.Discard);
        }
        finally
        {
            // The wire first: a reader that is still in it would keep its thread.
            wire.Dispose();
            target?.Dispose();
            source?.Dispose();
        }
    }

    private static void Compare(ProcessSnapshot before, ProcessSnapshot after)
    {
        if (!before.Lines.SequenceEqual(after.Lines))
            throw new InvalidOperationException($"the processes are not the same after the move; before:\n{string.Join('\n', before.Lines)}\nafter:\n{string.Join('\n', after.Lines)}");
        if (before.RealPids.Intersect(after.RealPids).Any()) throw new InvalidOperationException("a process of the target is one of the source");
    }

    private string Tail() => $"last output:\n{string.Join('\n', Lines.TakeLast(10))}\nerrors:\n{Errors}";

    // One side sends while the other receives; when one fails, the wire is cut, so that the other one ends too.
    private static void Both(Action send, IMoveTarget target, Wire wire)
    {
        var received = new TaskCompletionSource();
        new Thread(() =>
        {
            try
            {
                target.Receive(CancellationToken.None);
                received.SetResult();
            }
            catch (Exception e)
            {
                wire.Dispose();
                received.SetException(e);
            }
        })
        { IsBackground = true }.Start();
        Exception? sending = null;
        try
        {
            send();
        }
        catch (Exception e)
        {
            sending = e;
            wire.Dispose();
        }
        try
        {
            received.Task.GetAwaiter().GetResult();
        }
        catch (Exception receiving) when (sending is null or ObjectDisposedException or IOException { InnerException: SocketException })
        {
            // A broken wire at the sender is what the receiver's failure looks like from there.
            ExceptionDispatchInfo.Throw(receiving);
        }
        catch (Exception) when (sending is not null)
        {
            // The sender's error is the cause and is thrown below.
        }
        if (sending is not null) ExceptionDispatchInfo.Throw(sending);
    }
}
