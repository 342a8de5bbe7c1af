namespace ContainerGrains.Grains;

/// <summary>
/// Says after each pre-copy round whether another one follows. From the rounds so far it knows how fast the link is and how fast
/// pages are written; so it knows what a freeze would have to send now, and after one more round. Arithmetic only.
/// </summary>
/// <param name="costs">What this host's moves take beside their rounds.</param>
public sealed class RoundModel(MigrateOptions options, MoveCosts costs)
{
    /// <summary>Size of a page, in bytes.</summary>
    public const int PageBytes = 4096;

    // A round that leaves more than this share of the freeze does not pay.
    private const double WorthwhileShare = 0.9;
    // So many rounds that found more than the link had carried meanwhile, and it will not get better by waiting for long.
    private const int EnoughDiverging = 3;
    // After these, a moment that is as good as the best one was, nearly.
    private const double NearlyBest = 1.1;
    // Times that differ less than this say nothing of how pages grow with time.
    private const double LeastRatio = 1.1;

    private readonly List<RoundSample> _rounds = [];
    private readonly double _budgetMs = Math.Min(options.FreezeBudget.TotalMilliseconds, options.FreezeTimeout.TotalMilliseconds);
    private double _bestMs = double.PositiveInfinity;
    private int _diverging;

    private RoundSample Last => _rounds[^1];

    /// <summary>
    /// Of all rounds, each with half the weight of the one after it: large rounds show what the link can do, and late ones what it
    /// does now.
    /// </summary>
    public double LinkBytesPerSecond { get; private set; } = 1;

    /// <summary>Takes the round that has just ended into account.</summary>
    public RoundForecast Add(RoundSample round)
    {
        _rounds.Add(round with { Ms = Math.Max(round.Ms, 0.001) });
        LinkBytesPerSecond = MeasureLink();
        bool isLast = _rounds.Count >= options.MaxRounds;
        // The first round has sent what there was, which says nothing of what is written meanwhile.
        if (_rounds.Count == 1)
            return new RoundForecast(isLast ? RoundDecision.Freeze : RoundDecision.Another, null, null, LinkBytesPerSecond, null);

        double dirty = Last.DirtyPages * (double)PageBytes / _rounds[^2].Ms * 1000;
        _diverging = dirty >= LinkBytesPerSecond ? _diverging + 1 : 0;
        double? growth = Growth();
        // Of what is not known, the freeze is expected at its longest, and another round at its best: it is cheap, and tells.
        double now = FreezeMs(PagesAfter(Last.Ms + costs.HandOverMs, growth ?? (Last.Ms + costs.HandOverMs < _rounds[^2].Ms ? 0 : 1)));
        _bestMs = Math.Min(_bestMs, now);
        RoundDecision decision = isLast ? Settle(now) : Decide(now, growth ?? 1);
        double eta = decision == RoundDecision.Another ? AnotherEtaMs(growth ?? 1) : costs.HandOverMs + now;
        return new RoundForecast(decision, now, eta, LinkBytesPerSecond, dirty);
    }

    private RoundDecision Decide(double now, double growth)
    {
        if (now <= _budgetMs)
            return RoundDecision.Freeze;
        if (Pays(now, FreezeMsAfter(NextRoundMs(Last.Ms, growth), growth)))
            return RoundDecision.Another;
        // The link wins, and all the same this is as short as it gets.
        if (_diverging == 0)
            return Settle(now);
        // The link loses. A writer has quieter moments; but the later rounds cost as much as the first.
        return _diverging >= EnoughDiverging && now <= _bestMs * NearlyBest ? Settle(now) : RoundDecision.Another;
    }

    // By what the pages take, and not by what this host needed for other containers: that may be better this time.
    private RoundDecision Settle(double now) =>
        now - costs.FreezeMs > options.FreezeTimeout.TotalMilliseconds ? RoundDecision.Refuse : RoundDecision.Freeze;

    private bool Pays(double now, double next) => next <= _budgetMs || next <= now * WorthwhileShare;

    /// <summary>The rounds that would still follow, then the hand-over and the freeze.</summary>
    private double AnotherEtaMs(double growth)
    {
        double roundMs = NextRoundMs(Last.Ms, growth), eta = roundMs, freeze = FreezeMsAfter(roundMs, growth);
        for (int round = _rounds.Count + 2; round <= options.MaxRounds && freeze > _budgetMs; round++)
        {
            roundMs = NextRoundMs(roundMs, growth);
            double next = FreezeMsAfter(roundMs, growth);
            if (!Pays(freeze, next))
                break;
            eta += roundMs;
            freeze = next;
        }
        return eta + costs.HandOverMs + freeze;
    }

    private double NextRoundMs(double lastMs, double growth) => OverheadMs() + PagesMs(PagesAfter(lastMs, growth));

    private double FreezeMsAfter(double roundMs, double growth) => FreezeMs(PagesAfter(roundMs + costs.HandOverMs, growth));

    private double FreezeMs(double pages) => costs.FreezeMs + PagesMs(pages);

    private double PagesMs(double pages) => pages * PageBytes / LinkBytesPerSecond * 1000;

    /// <summary>Different pages that are written in a time, after what the last round has found.</summary>
    private double PagesAfter(double ms, double growth) => Last.DirtyPages * Math.Pow(ms / _rounds[^2].Ms, growth);

    /// <summary>
    /// How written pages grow with time: 1 when each write meets another page, 0 when it is the same ones again and again; between
    /// them after the power of time that fits the last round and the latest one before it that had another time. Null when there is none.
    /// </summary>
    private double? Growth()
    {
        for (int i = _rounds.Count - 2; i >= 1; i--)
        {
            double time = _rounds[^2].Ms / _rounds[i - 1].Ms;
            if (time is > 1 / LeastRatio and < LeastRatio)
                continue;
            double pages = (double)Last.DirtyPages / _rounds[i].DirtyPages;
            return pages > 0 && double.IsFinite(pages) ? Math.Clamp(Math.Log(pages) / Math.Log(time), 0, 1) : null;
        }
        return null;
    }

    private double MeasureLink()
    {
        double bytes = 0, ms = 0, weight = 1;
        for (int i = _rounds.Count - 1; i >= 0; i--, weight /= 2)
            (bytes, ms) = (bytes + weight * _rounds[i].Bytes, ms + weight * _rounds[i].Ms);
        return Math.Max(bytes / ms * 1000, 1);
    }

    /// <summary>What a round takes beside its bytes, as the smallest one shows it.</summary>
    private double OverheadMs()
    {
        RoundSample smallest = _rounds.MinBy(r => r.Bytes);
        return Math.Max(smallest.Ms - smallest.Bytes / LinkBytesPerSecond * 1000, 0);
    }
}
