using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>
/// The source's side of one move, on a thread of its own. Until the cut-over it may give up by itself: nothing is frozen. From
/// then on it holds a frozen copy, which only the record sets free: by the target's word that it was written, or by our own
/// claim (generation + 1). A timer alone never thaws anything.
/// </summary>
internal sealed partial class MoveSource(
    MoveOrder order, MoveIdentity move, LocalContainer local, HostFeatures features, TlsOptions tls, IMoveArbiter arbiter, MoveExperience experience, string? traceParent, TimeProvider time, ILogger logger)
{
    // The hand-over waits until the grain is idle; nothing is frozen meanwhile.
    private static readonly TimeSpan LongestHandOver = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAround = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan StoreTimeout = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _prepared = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _abandoned = new();
    private readonly MoveCosts _costs = experience.Costs;
    private volatile string _reason = "the move was given up";
    private double _linkBytesPerSecond;
    private long _roundsEnded;

    public MoveProgress Progress { get; } = new(move, time);

    /// <summary>Completes when the target has all but the last dirty pages; fails when the move cannot be.</summary>
    public Task Prepared => _prepared.Task;

    /// <summary>Completes when nothing of the move is left here: moved away, or running again.</summary>
    public Task Ended => _ended.Task;

    public void Start() => new Thread(Run) { IsBackground = true, Name = $"move-source {move.Name}" }.Start();

    public void Abandon(string reason)
    {
        _reason = reason;
        _abandoned.Cancel();
    }

    private void Run()
    {
        string? error = null;
        try
        {
            using DataChannel channel = Connect();
            error = Travel(channel);
        }
        catch (Exception e)
        {
            // Nothing is frozen: disposing the move source has taken everything back.
            ContainerException failure = Translate(e);
            error = failure.Message;
            LogFailed(e, move.Name, move.Target);
            _prepared.TrySetException(failure);
        }
        finally
        {
            _prepared.TrySetException(new ContainerException(ContainerErrorCode.MoveFailed, error ?? "the move ended before it was prepared"));
            // Observed, also when nobody asks any more.
            _ = _prepared.Task.Exception;
            Progress.End(error);
            _ended.TrySetResult();
        }
    }

    /// <summary>The move over a channel that is open; null when the container has gone, else why it has not.</summary>
    private string? Travel(DataChannel channel)
    {
        try
        {
            Offer(channel);
            // The engine may write as soon as the move begins, so the first round is announced before it.
            channel.Write(FrameType.Round, "");
            using IMoveSource source = local.Container.BeginMove(channel.Stream, new MoveSettings(order.Options.FreezeTimeout));
            SendRounds(channel, source);
            Progress.Enter("hand-over");
            _prepared.TrySetResult();
            return AwaitCutOver(channel) ? CutOver(channel, source) : _reason;
        }
        catch (IOException) when (channel.FindAbort() is { } abort)
        {
            // The link did not fail: the target has closed it, and said why.
            throw abort;
        }
    }

    private DataChannel Connect()
    {
        IPEndPoint endpoint = IPEndPoint.Parse(order.TargetDataAddress);
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(_abandoned.Token);
            timeout.CancelAfter(ConnectTimeout);
            socket.ConnectAsync(endpoint, timeout.Token).AsTask().GetAwaiter().GetResult();
            if (!tls.IsSet)
                return new DataChannel(socket);
            using HostTls own = HostTls.Load(tls);
            return own.Connect(socket, move.Target);
        }
        catch (IOException e)
        {
            socket.Dispose();
            throw new ContainerException(ContainerErrorCode.MoveFailed,
                $"Container '{move.Name}' was not offered to {move.Target} ({order.TargetDataAddress}): {e.Message}; it runs on on {move.Source}.", e);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            _abandoned.Token.ThrowIfCancellationRequested();
            throw new ContainerException(ContainerErrorCode.HostUnreachable,
                $"The data channel of {move.Target} ({order.TargetDataAddress}) cannot be reached from {move.Source}: {e.Message}; container '{move.Name}' runs on.", e);
        }
    }

    private void Offer(DataChannel channel)
    {
        using Activity? span = Spans.Start("offer", move, traceParent);
        long residentBytes = local.Container.Stats().MemoryBytes;
        Progress.Expect(_costs.EtaMs(residentBytes), null);
        channel.Write(FrameType.Offer, new MoveOffer(move.MigrationId, move.Name, move.Source, move.Target, move.NewGeneration, order.Spec, order.Address,
            features, residentBytes, local.Container.StartedAt, order.Options.FreezeTimeout.TotalMilliseconds, traceParent));
        (FrameType type, byte[] payload) = channel.Read();
        if (type == FrameType.Refuse)
        {
            MoveRefusal refusal = DataChannel.Parse<MoveRefusal>(payload);
            throw new ContainerException(refusal.Code, refusal.Reason);
        }
        if (type != FrameType.Accept)
            throw new IOException($"an answer to the offer was expected, and {type} came");
    }

    private void SendRounds(DataChannel channel, IMoveSource source)
    {
        var model = new RoundModel(order.Options, _costs);
        RoundForecast forecast;
        int i = 1;
        do
        {
            _abandoned.Token.ThrowIfCancellationRequested();
            using Activity? span = Spans.Start("round", move, traceParent);
            long start = time.GetTimestamp();
            if (i > 1)
                channel.Write(FrameType.Round, "");
            RoundResult result = source.Round(_abandoned.Token);
            channel.Write(FrameType.RoundEnd, new RoundMessage(i, result.DirtyPages, result.Bytes, result.Ms));
            channel.Read<string>(FrameType.RoundTaken);
            // The model says when it is enough, after as many rounds as are allowed at the latest.
            forecast = model.Add(new RoundSample(result.DirtyPages, result.Bytes, time.GetElapsedTime(start).TotalMilliseconds));
            Progress.Add(new MigrationRound(i, result.DirtyPages, result.Bytes, result.Ms));
            Progress.Expect(forecast.EtaMs, forecast.FreezeMs);
            span?.SetTag("container.move.round", i).SetTag("container.move.dirty_pages", result.DirtyPages).SetTag("container.move.bytes", result.Bytes)
                .SetTag("container.move.ms", result.Ms).SetTag("container.move.predicted_freeze_ms", forecast.FreezeMs)
                .SetTag("container.move.decision", forecast.Decision.ToString().ToLowerInvariant());
            i++;
        }
        while (forecast.Decision == RoundDecision.Another);
        _linkBytesPerSecond = forecast.LinkBytesPerSecond;
        _roundsEnded = time.GetTimestamp();
        if (forecast.Decision == RoundDecision.Refuse)
            Refuse(channel, forecast);
    }

    /// <exception cref="ContainerException">Always: MoveFailed.</exception>
    private void Refuse(DataChannel channel, RoundForecast forecast)
    {
        const double mebibyte = 1 << 20;
        string why = string.Create(CultureInfo.InvariantCulture,
            $"it writes {forecast.DirtyBytesPerSecond / mebibyte:0.0} MiB/s, the link carries {forecast.LinkBytesPerSecond / mebibyte:0.0} MiB/s, and so a freeze would last about {forecast.FreezeMs / 1000:0.0} s where {order.Options.FreezeTimeout.TotalSeconds:0.###} s are allowed");
        _reason = why;
        TryAbort(channel);
        throw new ContainerException(ContainerErrorCode.MoveFailed,
            $"Container '{move.Name}' is not moved to {move.Target}, and runs on on {move.Source}: {why}; move it when it writes less, over a faster link, or with a longer --freeze-timeout.");
    }

    /// <summary>Waits for the target's word; false when the move was given up. Nothing is frozen.</summary>
    private bool AwaitCutOver(DataChannel channel)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            if (_abandoned.IsCancellationRequested || time.GetElapsedTime(start) > LongestHandOver)
            {
                TryAbort(channel);
                return false;
            }
            if (!channel.Poll(LookAround))
                continue;
            (FrameType type, byte[] payload) = channel.Read();
            if (type == FrameType.CutOver)
                return true;
            _reason = type == FrameType.Abort ? DataChannel.Parse<AbortMessage>(payload).Reason : throw new IOException($"the cut-over was expected, and {type} came");
            return false;
        }
    }

    /// <summary>From here on there may be two copies, and exactly one of them may run again.</summary>
    private string? CutOver(DataChannel channel, IMoveSource source)
    {
        Progress.Enter("freeze");
        using IDisposable urgency = Urgency.OfThisThread();
        ContainerException? failure;
        try
        {
            long asked = time.GetTimestamp();
            DateTimeOffset start = time.GetUtcNow();
            channel.Write(FrameType.CutOverBegin, "");
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_abandoned.Token);
            limit.CancelAfter(order.Options.FreezeTimeout);
            CutOverResult result = source.CutOver(limit.Token);
            channel.Write(FrameType.CutOverEnd, new CutOverMessage(result.FinalPages, result.Bytes, result.FreezeMs, result.DumpMs, result.SendMs));
            Progress.AddBytes(result.Bytes);
            TimeSpan before = TimeSpan.FromMilliseconds(result.BeforeMs);
            AddSpans(result, start + before);
            long frozen = asked + (long)(before.TotalSeconds * time.TimestampFrequency);
            failure = AwaitDecision(channel, frozen);
            if (failure is null)
            {
                experience.Learn(time.GetElapsedTime(frozen).TotalMilliseconds, result.FinalPages,
                    time.GetElapsedTime(_roundsEnded, frozen).TotalMilliseconds, _linkBytesPerSecond);
            }
        }
        catch (Exception e)
        {
            // How much of the cut-over the target has got is not known; perhaps all.
            failure = (e is IOException ? channel.FindAbort() : null) ?? Translate(e);
            LogCutOverBroke(e, move.Name, move.Target);
        }
        if (failure is null)
        {
            SendHeldFrames(channel, source);
            Discard(source);
            return null;
        }
        // The target may have heard nothing yet; a closed link ends its waiting.
        TryAbort(channel);
        return Decide(source, failure);
    }

    /// <summary>Null: the target has committed.</summary>
    private ContainerException? AwaitDecision(DataChannel channel, long frozen)
    {
        while (true)
        {
            if (_abandoned.IsCancellationRequested)
                return new ContainerException(ContainerErrorCode.MoveFailed, _reason);
            TimeSpan left = order.Options.FreezeTimeout - time.GetElapsedTime(frozen);
            if (left <= TimeSpan.Zero)
                return new ContainerException(ContainerErrorCode.MoveFailed, $"the freeze took longer than {order.Options.FreezeTimeout.TotalMilliseconds:F0} ms");
            if (!channel.Poll(left < LookAround ? left : LookAround))
                continue;
            (FrameType type, byte[] payload) = channel.Read();
            return type switch
            {
                FrameType.Committed => null,
                FrameType.Abort => DataChannel.Parse<AbortMessage>(payload).ToException(),
                _ => new ContainerException(ContainerErrorCode.MoveFailed, $"{move.Target} answered {type}"),
            };
        }
    }

    /// <summary>Asks the record until it answers; meanwhile the copy stays frozen.</summary>
    private string? Decide(IMoveSource source, ContainerException failure)
    {
        string why = failure.Message;
        LogDeciding(move.Name, why);
        while (true)
        {
            MoveVerdict verdict;
            try
            {
                using var timeout = new CancellationTokenSource(StoreTimeout);
                verdict = arbiter.ReclaimAsync(move, failure.Code,
                    $"The move of '{move.Name}' to {move.Target} failed before its commit ({why}); the container runs on on {move.Source}.", timeout.Token)
                    .WaitAsync(StoreTimeout).GetAwaiter().GetResult();
            }
            catch (Exception e)
            {
                LogStoreSilent(e, move.Name);
                Thread.Sleep(AskAgain);
                continue;
            }
            LogDecided(move.Name, verdict);
            if (verdict == MoveVerdict.Source)
            {
                source.Dispose();
                return why;
            }
            Discard(source);
            return verdict == MoveVerdict.Target ? null : $"container '{move.Name}' has another owner by now";
        }
    }

    private void Discard(IMoveSource source)
    {
        // What ends now has not exited: it lives on elsewhere.
        local.IsLeaving = true;
        try
        {
            source.Discard();
        }
        catch (Exception e)
        {
            LogDiscardFailed(e, move.Name);
        }
    }

    private void SendHeldFrames(DataChannel channel, IMoveSource source)
    {
        try
        {
            channel.WriteBytes(FrameType.HeldFrames, HeldFrames.Pack(source.TakeHeldFrames()));
        }
        catch (Exception e) when (e is IOException or EngineException or ObjectDisposedException)
        {
            // Lost frames are sent again by their senders; the target does not wait for them for long.
            LogFramesLost(e, move.Name);
        }
    }

    private void TryAbort(DataChannel channel)
    {
        try
        {
            channel.Write(FrameType.Abort, new AbortMessage(ContainerErrorCode.MoveFailed, _reason));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            LogAbortNotSent(e, move.Name);
        }
    }

    private void AddSpans(CutOverResult result, DateTimeOffset start)
    {
        Spans.Add("freeze", move, traceParent, start, result.FreezeMs);
        DateTimeOffset dump = start + TimeSpan.FromMilliseconds(result.FreezeMs);
        Spans.Add("dump", move, traceParent, dump, result.DumpMs);
        Spans.Add("send", move, traceParent, dump + TimeSpan.FromMilliseconds(result.DumpMs), result.SendMs);
    }

    private ContainerException Translate(Exception error) => error switch
    {
        OperationCanceledException => new ContainerException(ContainerErrorCode.Cancelled, $"The move of '{move.Name}' to {move.Target} was given up ({_reason}); the container runs on on {move.Source}.", error),
        IOException or SocketException => new ContainerException(ContainerErrorCode.MoveFailed,
            $"The link from {move.Source} to {move.Target} failed while '{move.Name}' was moving ({error.Message}); the container runs on on {move.Source}.", error),
        _ => EngineErrors.Translate(error, move.Name, move.Source),
    };

    [LoggerMessage(400, LogLevel.Warning, "The move of container {Name} to {Target} failed; nothing was frozen")]
    private partial void LogFailed(Exception exception, string name, string target);

    [LoggerMessage(401, LogLevel.Warning, "The cut-over of container {Name} to {Target} broke off")]
    private partial void LogCutOverBroke(Exception exception, string name, string target);

    [LoggerMessage(402, LogLevel.Warning, "Container {Name} is frozen and its move undecided here ({Why}); the record is asked")]
    private partial void LogDeciding(string name, string why);

    [LoggerMessage(403, LogLevel.Warning, "The record cannot be asked; container {Name} stays frozen")]
    private partial void LogStoreSilent(Exception exception, string name);

    [LoggerMessage(404, LogLevel.Information, "The record says of container {Name}: {Verdict}")]
    private partial void LogDecided(string name, MoveVerdict verdict);

    [LoggerMessage(405, LogLevel.Error, "The frozen copy of container {Name}, which lives elsewhere, could not be removed")]
    private partial void LogDiscardFailed(Exception exception, string name);

    [LoggerMessage(406, LogLevel.Debug, "Frames held for container {Name} were not sent on")]
    private partial void LogFramesLost(Exception exception, string name);

    [LoggerMessage(407, LogLevel.Debug, "The abort of the move of container {Name} was not sent")]
    private partial void LogAbortNotSent(Exception exception, string name);
}
