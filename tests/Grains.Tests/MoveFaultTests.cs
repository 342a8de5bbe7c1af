using System.Collections.Concurrent;
using System.Globalization;

namespace ContainerGrains.Grains.Tests;

/// <summary>
/// Every fault at every point of a move, alone and in pairs, on the real grains, storage and arbiter over the fake hosts. One invariant:
/// never two running copies, and one in the end, where the record says, with all that it had counted.
/// </summary>
public sealed class MoveFaultTests(ITestOutputHelper output) : IAsyncLifetime
{
    /// <summary>How many pairs are drawn; "all" for every one.</summary>
    private const string PairsVariable = "CG_FAULT_PAIRS";
    private const int AtOnce = 8, Signals = 3, Seed = 20260116, Pairs = 250;
    private static readonly TimeSpan Undisturbed = TimeSpan.FromMilliseconds(300);

    private readonly ConcurrentDictionary<string, Func<string, Task>> _plans = new();
    private GrainCluster _cluster = null!;
    private int _runs;

    public enum Fault
    {
        /// <summary>The call, its answer, or the write is lost: an error, before or after the deed.</summary>
        Lost,
        /// <summary>The source's patience ends: it asks the record.</summary>
        SourceAsks,
        /// <summary>The target looks at the record.</summary>
        TargetAsks,
        /// <summary>The target has waited so long that it takes the container.</summary>
        TargetClaims,
        /// <summary>Somebody else writes the record.</summary>
        Conflict,
        /// <summary>The caller goes away.</summary>
        Cancelled,
    }

    private FakeWorld World => _cluster.World;
    private string A => _cluster.Hosts[0];
    private string B => _cluster.Hosts[1];
    private string C => _cluster.Hosts[2];

    public async ValueTask InitializeAsync()
    {
        _cluster = await GrainCluster.StartAsync();
        World.AtPoint = (name, point) => _plans.TryGetValue(name, out Func<string, Task>? plan) ? plan(point) : Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task No_fault_and_no_two_faults_lose_or_double_a_container()
    {
        IReadOnlyList<string> whole = await RunAsync([]);
        output.WriteLine($"points of a move: {string.Join(' ', whole)}");
        Assert.Superset(new HashSet<string>(["preflight", "write", "written", "prepare", "prepared", "cut-over", "frozen", "complete", "commit", "tell", "committed"]), new HashSet<string>(whole));

        var singles = new ConcurrentBag<((int At, Fault Fault) First, int Points)>();
        await ForEachAsync(Combinations(0, whole.Count), async first => singles.Add((first, (await RunAsync([first])).Count)));

        (int At, Fault Fault)[][] pairs = [.. singles.OrderBy(s => s.First)
            .SelectMany(s => Combinations(s.First.At + 1, s.Points).Select(second => new[] { s.First, second }))];
        int wanted = Environment.GetEnvironmentVariable(PairsVariable) switch { null => Pairs, "all" => pairs.Length, string n => int.Parse(n, CultureInfo.InvariantCulture) };
        new Random(Seed).Shuffle(pairs);
        await ForEachAsync(pairs.Take(wanted), RunAsync);
        output.WriteLine($"{singles.Count} faults alone, {Math.Min(wanted, pairs.Length)} of {pairs.Length} pairs");
    }

    // The last write comes behind the move's end: a run may have ended before it reached its point.
    private static IEnumerable<(int At, Fault Fault)> Combinations(int first, int points) =>
        from at in Enumerable.Range(first, Math.Max(points - first, 0)) from fault in Enum.GetValues<Fault>() select (at, fault);

    private static Task ForEachAsync<T>(IEnumerable<T> items, Func<T, Task> run) =>
        Parallel.ForEachAsync(items, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (item, _) => await run(item));

    /// <summary>A move from A to B with faults at some of the points that it passes, and what must hold after it; returns its points.</summary>
    private async Task<IReadOnlyList<string>> RunAsync((int At, Fault Fault)[] faults)
    {
        string name = $"run{Interlocked.Increment(ref _runs)}";
        var points = new List<string>();
        IContainerGrain container = await _cluster.RunAsync(name, A);
        for (int i = 0; i < Signals; i++) await container.KillAsync(10, 1, CancellationToken.None);
        using var caller = new CancellationTokenSource();
        _plans[name] = async point =>
        {
            int at;
            lock (points)
            {
                at = points.Count;
                points.Add(point);
            }
            foreach ((_, Fault fault) in faults.Where(f => f.At == at)) await HappenAsync(fault, name, point, caller);
        };
        try
        {
            try
            {
                await container.MigrateAsync(B, new MigrateOptions(), caller.Token);
            }
            catch (Exception) when (faults.Length > 0)
            {
                // It did not come to be.
            }
            await SettleAsync(container, name);
            _plans.TryRemove(name, out _);
            string host = (await container.GetStatusAsync(CancellationToken.None)).Host!;
            Assert.Equal([host], World.RunningOn(name));
            if (faults.Length == 0) Assert.Equal(B, host);
            Assert.Equal(Signals, World.CounterOf(name));
            await container.KillAsync(10, 1, CancellationToken.None);
            Assert.Null((await container.MoveAsync(C)).Error);
            Assert.Equal([C], World.RunningOn(name));
            Assert.Equal(Signals + 1, World.CounterOf(name));
            Assert.Empty(World.Violations);
            await container.DeleteAsync(force: true, CancellationToken.None);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"faults {string.Join(", ", faults)} at [{string.Join(' ', points)}]: {e.Message}", e);
        }
        lock (points) return [.. points];
    }

    // Left alone at first, as long as a move lasts; what then is still open, the hosts settle by the record.
    private async Task SettleAsync(IContainerGrain container, string name)
    {
        DateTime begun = DateTime.UtcNow;
        await Wait.UntilAsync(async () =>
        {
            if (DateTime.UtcNow - begun > Undisturbed) await World.AskRecordsAsync(name);
            ContainerStatus status = await container.GetStatusAsync(CancellationToken.None);
            return status is { Phase: ContainerPhase.Running, MigrationId: null } && World.CopiesOf(name) == 1 && World.RunningOn(name).Count == 1;
        });
    }

    private async Task HappenAsync(Fault fault, string name, string point, CancellationTokenSource caller)
    {
        FakeMove? move = World.Moves.Values.FirstOrDefault(m => m.Order.Name == name);
        switch (fault)
        {
            case Fault.Lost:
                throw point.StartsWith("writ", StringComparison.Ordinal) ? new IOException("the store is silent")
                    : new ContainerException(ContainerErrorCode.HostUnreachable, "The host does not answer.");
            case Fault.SourceAsks when move is not null:
                await World.Hosts[move.Source].SourceAsksAsync(move, "the target is silent");
                break;
            case Fault.TargetAsks or Fault.TargetClaims when move is not null:
                await World.Hosts[move.Order.TargetHost].TargetAsksAsync(move, claims: fault == Fault.TargetClaims);
                break;
            case Fault.Conflict:
                var store = new RecordStore(_cluster.Inner.GetSiloServiceProvider(_cluster.SiloOf(C)));
                StoredRecord read = await store.ReadAsync(name, CancellationToken.None);
                await store.TryWriteAsync(name, read, read.Record!, CancellationToken.None);
                break;
            case Fault.Cancelled:
                await caller.CancelAsync();
                break;
        }
    }
}
