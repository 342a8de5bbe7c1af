using System.Diagnostics;
using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>
/// The target's side of one move, on a thread of its own: it builds the shadow, and lets it run only after the record says that
/// this host owns the container. The grain activated here leads; if it is silent, the record is asked.
/// </summary>
internal sealed partial class MoveTarget(
    MoveOffer offer, MoveIdentity move, DataChannel channel, IContainerEngine engine, ContainerConfig config, IMoveArbiter arbiter, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan LookAround = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPreCopySilence = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan HeldFramesTimeout = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StoreTimeout = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource<RunningState> _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<MigrationReport> _committed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _wake = new();
    private readonly long _begun = time.GetTimestamp();
    private readonly Dictionary<string, double> _spansMs = [];
    private int _orderValue;
    private volatile bool _cutOverAsked;
    private volatile string _reason = "the move was given up";
    private long _freezeBegun, _completeAt;
    private CutOverMessage? _cutOver;

    private enum Order { None, Commit, Abort, AskRecord }

    public MoveProgress Progress { get; } = new(move, time);
    public MoveOffer Offer => offer;
    public Task Ended => _ended.Task;
    public bool IsCutOver => _complete.Task.IsCompletedSuccessfully;

    /// <summary>Raised on the move's thread with the container that now runs here, before the commit is reported.</summary>
    public event Action<IEngineContainer>? Arrived;

    /// <summary>Tells the source to freeze; the container stands here complete, stopped, when this completes.</summary>
    public Task<RunningState> CutOverAsync()
    {
        if (!_cutOverAsked)
        {
            _cutOverAsked = true;
            try
            {
                channel.Write(FrameType.CutOver, "");
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                throw Translate(e);
            }
        }
        return _complete.Task;
    }

    /// <summary>The record says that this host owns the container.</summary>
    public Task<MigrationReport> CommitAsync()
    {
        Decide(Order.Commit);
        return _committed.Task;
    }

    public Task AbortAsync(string reason)
    {
        _reason = reason;
        Decide(Order.Abort);
        return _ended.Task;
    }

    /// <summary>Somebody needs to know now: the record is asked at once.</summary>
    public void AskRecord() => Decide(Order.AskRecord);

    /// <summary>Runs the move to its end, on the calling thread.</summary>
    public void Run()
    {
        ContainerException? failure = null;
        try
        {
            channel.Write(FrameType.Accept, "");
            using IMoveTarget target = engine.BeginReceive(channel.Stream, config);
            ReceiveRounds(target);
            using IDisposable urgency = Urgency.OfThisThread();
            ReceiveCutOver(target);
            _completeAt = time.GetTimestamp();
            _complete.TrySetResult(new RunningState(0, 0, offer.StartedAt, [], null));
            if (AwaitOrder())
                Commit(target);
            else
                failure = new ContainerException(ContainerErrorCode.MoveFailed, _reason);
        }
        catch (Exception e)
        {
            LogFailed(e, move.Name, move.Source);
            failure = Translate(e);
        }
        finally
        {
            TryAbort(failure);
            channel.Dispose();
            ContainerException ended = failure ?? new ContainerException(ContainerErrorCode.MoveFailed, $"The move of '{move.Name}' has ended.");
            _complete.TrySetException(ended);
            _committed.TrySetException(ended);
            _ = _complete.Task.Exception;
            _ = _committed.Task.Exception;
            Progress.End(failure?.Message);
            ContainerTelemetry.Moves.Add(1, new KeyValuePair<string, object?>("outcome", failure is null ? "done" : "failed"));
            _ended.TrySetResult();
        }
    }

    private Order Current => (Order)Volatile.Read(ref _orderValue);

    /// <summary>The first decision stands; only the question may be repeated.</summary>
    private void Decide(Order order)
    {
        if (Replace(Order.None, order) != Order.None)
            Replace(Order.AskRecord, order);
        _wake.Set();
    }

    private Order Replace(Order expected, Order next) => (Order)Interlocked.CompareExchange(ref _orderValue, (int)next, (int)expected);

    private void ReceiveRounds(IMoveTarget target)
    {
        while (true)
        {
            (FrameType type, byte[] payload) = NextFrame();
            switch (type)
            {
                case FrameType.Round:
                    target.Receive(CancellationToken.None);
                    RoundMessage round = channel.Read<RoundMessage>(FrameType.RoundEnd);
                    Progress.Add(new MigrationRound(round.Round, round.DirtyPages, round.Bytes, round.Ms));
                    channel.Write(FrameType.RoundTaken, "");
                    break;
                case FrameType.CutOverBegin:
                    return;
                case FrameType.Abort:
                    throw DataChannel.Parse<AbortMessage>(payload).ToException();
                default:
                    throw new IOException($"a round or the cut-over was expected, and {type} came");
            }
        }
    }

    private (FrameType Type, byte[] Payload) NextFrame()
    {
        long start = time.GetTimestamp();
        while (!channel.Poll(LookAround))
        {
            if (Current == Order.Abort)
                throw new IOException(_reason);
            if (time.GetElapsedTime(start) > LongestPreCopySilence)
                throw new IOException($"nothing came from {move.Source} for {LongestPreCopySilence.TotalMinutes:F0} minutes");
        }
        return channel.Read();
    }

    private void ReceiveCutOver(IMoveTarget target)
    {
        Progress.Enter("freeze");
        _freezeBegun = time.GetTimestamp();
        ReceiveResult result;
        do
            result = target.Receive(CancellationToken.None);
        while (!result.IsCutOver);
        long received = time.GetTimestamp();
        Spans.Add("restore", move, offer.TraceParent, time.GetUtcNow() - TimeSpan.FromMilliseconds(result.RestoreMs), result.RestoreMs);
        _cutOver = channel.Read<CutOverMessage>(FrameType.CutOverEnd);
        // By this host's clock: when the source's word of the standstill came, and how long that had taken.
        if (result.StandstillMs > 0) _freezeBegun = received - (long)((result.StandstillMs + _cutOver.FreezeMs) / 1000 * time.TimestampFrequency);
        Progress.AddBytes(_cutOver.Bytes);
        _spansMs["freeze"] = _cutOver.FreezeMs;
        _spansMs["dump"] = _cutOver.DumpMs;
        _spansMs["send"] = _cutOver.SendMs;
        _spansMs["restore"] = result.RestoreMs;
    }

    /// <summary>True to commit. Silence is not a decision: after a while the record is asked, and in the end claimed.</summary>
    private bool AwaitOrder()
    {
        TimeSpan patience = TimeSpan.FromMilliseconds(offer.FreezeTimeoutMs) + AskAgain;
        TimeSpan claimAfter = 3 * patience;
        while (true)
        {
            _wake.Wait(Current == Order.AskRecord ? LookAround : patience);
            _wake.Reset();
            if (Current == Order.Commit)
                return true;
            if (Current == Order.Abort)
                return false;
            MoveVerdict verdict = AskRecordNow(mayClaim: time.GetElapsedTime(_completeAt) > claimAfter);
            if (verdict == MoveVerdict.Target)
                return true;
            if (verdict != MoveVerdict.Undecided)
            {
                _reason = $"the record gives container '{move.Name}' to another host";
                return false;
            }
            Replace(Order.AskRecord, Order.None);
        }
    }

    private MoveVerdict AskRecordNow(bool mayClaim)
    {
        try
        {
            using var timeout = new CancellationTokenSource(StoreTimeout);
            Task<MoveVerdict> ask = mayClaim
                ? arbiter.ClaimAsync(move, new RunningState(0, 0, offer.StartedAt, [], null), timeout.Token)
                : arbiter.ReadAsync(move, timeout.Token);
            return ask.WaitAsync(StoreTimeout).GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            LogStoreSilent(e, move.Name);
            return MoveVerdict.Undecided;
        }
    }

    private void Commit(IMoveTarget target)
    {
        Progress.Enter("committed");
        double commitMs = time.GetElapsedTime(_completeAt).TotalMilliseconds;
        IEngineContainer container;
        using (Spans.Start("thaw", move, offer.TraceParent))
        {
            long thaw = time.GetTimestamp();
            container = target.Commit(FetchHeldFrames());
            _spansMs["thaw"] = time.GetElapsedTime(thaw).TotalMilliseconds;
        }
        _spansMs["commit"] = commitMs;
        double freezeMs = time.GetElapsedTime(_freezeBegun).TotalMilliseconds;
        Arrived?.Invoke(container);
        ContainerTelemetry.FreezeMs.Record(freezeMs);
        ContainerTelemetry.MoveBytes.Add(Progress.Bytes);
        _committed.TrySetResult(new MigrationReport
        {
            Name = move.Name,
            MigrationId = move.MigrationId,
            From = move.Source,
            To = move.Target,
            Generation = move.NewGeneration,
            FreezeMs = freezeMs,
            TotalMs = time.GetElapsedTime(_begun).TotalMilliseconds,
            Rounds = Progress.Rounds,
            FinalPages = _cutOver!.FinalPages,
            Bytes = Progress.Bytes,
            TraceId = offer.TraceParent is { } parent && ActivityContext.TryParse(parent, null, out ActivityContext context) ? context.TraceId.ToString() : null,
            FreezeSpansMs = _spansMs,
            Warnings = container.Warnings,
        });
    }

    private IReadOnlyList<byte[]> FetchHeldFrames()
    {
        try
        {
            channel.Write(FrameType.Committed, "");
            if (!channel.Poll(HeldFramesTimeout))
                return [];
            (FrameType type, byte[] payload) = channel.Read();
            return type == FrameType.HeldFrames ? HeldFrames.Unpack(payload) : [];
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The source is gone, and with it frames that their senders will repeat. The commit stands.
            LogSourceGone(e, move.Name, move.Source);
            return [];
        }
    }

    private void TryAbort(ContainerException? failure)
    {
        if (failure is null)
            return;
        try
        {
            channel.Write(FrameType.Abort, new AbortMessage(failure.Code, failure.Message));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            LogSourceGone(e, move.Name, move.Source);
        }
    }

    // The engine sees the end of the wire as an image that is cut short.
    private ContainerException Translate(Exception error) =>
        error is IOException or System.Net.Sockets.SocketException or ObjectDisposedException or EngineException { InnerException: EndOfStreamException }
        ? new ContainerException(ContainerErrorCode.MoveFailed,
            $"The link from {move.Source} to {move.Target} failed while '{move.Name}' was moving ({error.Message}); the container runs on on {move.Source}.", error)
        : EngineErrors.Translate(error, move.Name, move.Target);

    [LoggerMessage(420, LogLevel.Warning, "Receiving container {Name} from {Source} failed; what was received is discarded")]
    private partial void LogFailed(Exception exception, string name, string source);

    [LoggerMessage(421, LogLevel.Warning, "The record cannot be asked; container {Name} stays stopped here")]
    private partial void LogStoreSilent(Exception exception, string name);

    [LoggerMessage(422, LogLevel.Information, "The source {Source} of container {Name} does not answer any more")]
    private partial void LogSourceGone(Exception exception, string name, string source);
}
