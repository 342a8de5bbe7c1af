namespace ContainerGrains.Grains;

/// <summary>What the last moves from this host took: the medians of the last eight. Any thread may ask or tell.</summary>
public sealed class MoveExperience
{
    private const int Kept = 8;

    private readonly Lock _lock = new();
    private readonly Queue<(double FreezeMs, double HandOverMs, double LinkBytesPerSecond)> _moves = new();

    public MoveCosts Costs
    {
        get
        {
            lock (_lock)
            {
                return _moves.Count == 0
                    ? MoveCosts.Default
                    : new MoveCosts(Median(_moves.Select(m => m.FreezeMs)), Median(_moves.Select(m => m.HandOverMs)), Median(_moves.Select(m => m.LinkBytesPerSecond)));
            }
        }
    }

    /// <param name="frozenMs">From the freeze to the target's word that the container is its own.</param>
    /// <param name="frozenPages">Pages that were sent meanwhile.</param>
    public void Learn(double frozenMs, long frozenPages, double handOverMs, double linkBytesPerSecond)
    {
        double pagesMs = frozenPages * RoundModel.PageBytes / linkBytesPerSecond * 1000;
        lock (_lock)
        {
            _moves.Enqueue((Math.Max(frozenMs - pagesMs, 0), Math.Max(handOverMs, 0), linkBytesPerSecond));
            if (_moves.Count > Kept)
                _moves.Dequeue();
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
