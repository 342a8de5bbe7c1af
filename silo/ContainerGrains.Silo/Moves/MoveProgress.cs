using System.Collections.Immutable;

namespace ContainerGrains.Silo;

/// <summary>How far a move is, as this host sees it. Written by the move's thread, read by anyone.</summary>
internal sealed class MoveProgress(MoveIdentity move, TimeProvider time)
{
    private ImmutableArray<MigrationRound> _rounds = [];
    private volatile string _stage = "offer";
    private volatile string? _error;
    private long _bytes;
    private long _ended;
    private volatile Outlook? _outlook;

    public MoveIdentity Move => move;
    public bool HasEnded => Interlocked.Read(ref _ended) != 0;
    public ImmutableArray<MigrationRound> Rounds => _rounds;
    public long Bytes => Interlocked.Read(ref _bytes);

    public void Enter(string stage) => _stage = stage;

    public void Add(MigrationRound round)
    {
        _stage = "rounds";
        _rounds = _rounds.Add(round);
        AddBytes(round.Bytes);
    }

    public void AddBytes(long bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>What is expected from now on.</summary>
    public void Expect(double? etaMs, double? freezeMs) => _outlook = new Outlook(etaMs, freezeMs, time.GetTimestamp());

    public void End(string? error)
    {
        _outlook = null;
        _error = error;
        _stage = error is null ? "done" : "failed";
        Interlocked.Exchange(ref _ended, time.GetTimestamp());
    }

    public bool EndedBefore(TimeSpan age) => HasEnded && time.GetElapsedTime(Interlocked.Read(ref _ended)) > age;

    public MigrationProgress ToProgress()
    {
        Outlook? outlook = _outlook;
        return new MigrationProgress
        {
            MigrationId = move.MigrationId,
            Name = move.Name,
            From = move.Source,
            To = move.Target,
            Stage = _stage,
            Rounds = _rounds,
            BytesSent = Bytes,
            Error = _error,
            EtaMs = outlook?.EtaMs is { } etaMs ? Math.Max(etaMs - time.GetElapsedTime(outlook.Since).TotalMilliseconds, 0) : null,
            PredictedFreezeMs = outlook?.FreezeMs,
        };
    }

    private sealed record Outlook(double? EtaMs, double? FreezeMs, long Since);
}
