using System.Globalization;

namespace ContainerGrains.Cluster.Tests;

/// <summary>A container that never stays: what a move leaves behind on its hosts adds up here.</summary>
[Collection(nameof(MainCluster))]
public sealed class EnduranceTests(MainCluster main, ITestOutputHelper output)
{
    /// <summary>How many moves; 1000 for a night.</summary>
    private const string MovesVariable = "CG_ENDURANCE_MOVES";
    private const int Moves = 60, Warming = 30, MostDescriptors = 12, MostThreads = 12;
    private const long MostBytesPerMove = 512 << 10, MostBytes = 128 << 20;
    private readonly LocalCluster _cluster = main.Cluster;

    [Fact]
    public void Moves_in_a_row_leave_nothing_behind()
    {
        int wanted = Environment.GetEnvironmentVariable(MovesVariable) is { } n ? int.Parse(n, CultureInfo.InvariantCulture) : Moves;
        int moves = (wanted + 2) / 3 * 3;
        _cluster.RunWorkload("nomad", "host-a", "heavy.py", "8", "10");
        try
        {
            // These make what stays: connections, threads, pools, compiled code.
            Go(Warming);
            Inventory before = Inventory.Of(_cluster);
            Go(moves);
            Inventory after = before;
            // The last steps of a clean-up come after the answer.
            for (int i = 0; i < 100 && (i == 0 || Grown(before, after).Any()); i++, Thread.Sleep(50)) after = Inventory.Of(_cluster);
            output.WriteLine($"{moves} moves\nbefore: {before}\nafter:  {after}");
            Assert.Empty(Grown(before, after));
            long grown = after.ResidentBytes - before.ResidentBytes;
            Assert.True(grown < MostBytes + moves * MostBytesPerMove, $"the silos have grown by {grown >> 20} MiB in {moves} moves");
            _cluster.AssertCounts("nomad");
        }
        finally
        {
            _cluster.Remove("nomad");
        }
    }

    private void Go(int moves)
    {
        for (int i = 1; i <= moves; i++) _cluster.Migrate("nomad", _cluster.Hosts[i % _cluster.Hosts.Count]);
    }

    // A pool may breathe; a leak grows with the moves.
    private static IEnumerable<string> Grown(Inventory before, Inventory after)
    {
        if (after.Descriptors > before.Descriptors + MostDescriptors) yield return $"descriptors: {before.Descriptors}, then {after.Descriptors}";
        if (after.Threads > before.Threads + MostThreads) yield return $"threads: {before.Threads}, then {after.Threads}";
        if (after.Mounts > before.Mounts) yield return $"mounts: {before.Mounts}, then {after.Mounts}";
        if (after.Groups > before.Groups) yield return $"cgroups: {before.Groups}, then {after.Groups}";
        if (after.Links > before.Links) yield return $"links: {before.Links}, then {after.Links}";
        if (after.Directories > before.Directories) yield return $"directories: {before.Directories}, then {after.Directories}";
    }
}
