using System.Diagnostics;
using System.Runtime.ExceptionServices;
using ContainerGrains.Engine;
using ContainerGrains.Grains;
using ContainerGrains.TestKit;

namespace ContainerGrains.Benchmarks.Moves;

/// <summary>Moves a container between two hosts with the engines alone and the rounds that a silo would make; checks nothing in the middle.</summary>
internal sealed class Mover(TestHost first, TestHost second, IEngineContainer container)
{
    private static readonly MoveSettings Settings = new(TimeSpan.FromSeconds(10));
    private static readonly MigrateOptions Options = new();
    private readonly MoveExperience _experience = new();
    private TestHost _from = first, _to = second;

    /// <summary>As it is now: another one after every move.</summary>
    public IEngineContainer Container { get; private set; } = container;

    public MoveTimes Move()
    {
        using var wire = new Wire();
        long start = Stopwatch.GetTimestamp();
        using IMoveSource source = _from.Run(() => Container.BeginMove(wire.Source, Settings));
        using IMoveTarget target = _to.Run(() => _to.Engine.BeginReceive(wire.Target, Container.Config));
        int rounds = 0;
        var model = new RoundModel(Options, _experience.Costs);
        RoundForecast forecast;
        do
        {
            long round = Stopwatch.GetTimestamp();
            RoundResult result = Both(() => source.Round(CancellationToken.None), target, wire);
            forecast = model.Add(new RoundSample(result.DirtyPages, result.Bytes, Stopwatch.GetElapsedTime(round).TotalMilliseconds));
            rounds++;
        }
        while (forecast.Decision == RoundDecision.Another);
        long frozen = Stopwatch.GetTimestamp();
        CutOverResult cutOver = Both(() => source.CutOver(CancellationToken.None), target, wire);
        Container = _to.Run(() => target.Commit(source.TakeHeldFrames()));
        double freezeMs = Stopwatch.GetElapsedTime(frozen).TotalMilliseconds - cutOver.BeforeMs;
        // No grain is handed over here: the freeze follows the last round at once.
        _experience.Learn(freezeMs, cutOver.FinalPages, 0, forecast.LinkBytesPerSecond);
        _from.Run(source.Discard);
        (_from, _to) = (_to, _from);
        return new MoveTimes(Stopwatch.GetElapsedTime(start).TotalMilliseconds, freezeMs, rounds, cutOver.FinalPages);
    }

    // One side sends while the other receives; when one fails, the wire is cut, so that the other one ends too.
    private static T Both<T>(Func<T> send, IMoveTarget target, Wire wire)
    {
        Exception? receiving = null;
        var receiver = new Thread(() =>
        {
            try
            {
                target.Receive(CancellationToken.None);
            }
            catch (Exception e)
            {
                receiving = e;
                wire.Dispose();
            }
        });
        receiver.Start();
        try
        {
            T result = send();
            receiver.Join();
            if (receiving is not null) ExceptionDispatchInfo.Throw(receiving);
            return result;
        }
        catch (Exception) when (receiver.IsAlive || receiving is not null)
        {
            wire.Dispose();
            receiver.Join();
            // A broken wire at the sender is what the receiver's failure looks like from there.
            if (receiving is EngineException) ExceptionDispatchInfo.Throw(receiving);
            throw;
        }
    }
}
