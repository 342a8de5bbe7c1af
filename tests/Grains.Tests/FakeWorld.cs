using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;

namespace ContainerGrains.Grains.Tests;

public enum CopyState { Running, Frozen, Shadow }

/// <summary>A copy of a container on one host. Its counter stands for memory: it travels, and must never lose a step.</summary>
public sealed class Copy(long counter)
{
    public CopyState State { get; set; } = CopyState.Running;
    public long Counter { get; set; } = counter;
    /// <summary>The one for which it was frozen or made.</summary>
    public FakeMove? Move { get; set; }
    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UnixEpoch;
}

/// <summary>All hosts' processes as one table, which watches that no container ever runs twice.</summary>
public sealed class FakeWorld
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Host, string Name), Copy> _copies = [];

    public ConcurrentDictionary<string, FakeHost> Hosts { get; } = new();
    public ConcurrentDictionary<string, FakeMove> Moves { get; } = new();
    /// <summary>Orders of moves that have not ended.</summary>
    public ConcurrentDictionary<string, MoveOrder> UnderWay { get; } = new();
    public ConcurrentDictionary<string, long> MemoryOf { get; } = new();
    public ConcurrentDictionary<string, long> Images { get; } = new();
    public ConcurrentQueue<string> Violations { get; } = new();

    // Hooks of the tests: they block a stage, or make it fail.
    public Func<MoveOrder, CancellationToken, Task>? OnPrepare { get; set; }
    public Func<string, Task>? OnCutOver { get; set; }
    public Func<string, Task>? OnCommit { get; set; }
    public Func<string, ContainerRecord, Task>? BeforeWrite { get; set; }
    public Func<string, ContainerRecord, Task>? AfterWrite { get; set; }

    /// <summary>Called with a container's name at each point of its moves at which something can go wrong.</summary>
    public Func<string, string, Task>? AtPoint { get; set; }

    public FakeHost AddHost(string name, IServiceProvider services) =>
        Hosts.GetOrAdd(name, n => new FakeHost(this, n, () => services.GetRequiredService<IMoveArbiter>()));

    public Task AtAsync(string container, string point) => AtPoint?.Invoke(container, point) ?? Task.CompletedTask;

    /// <summary>What hosts do in the end that hear nothing: each asks the record of every move that it still holds a copy for.</summary>
    public async Task AskRecordsAsync(string container)
    {
        foreach (FakeMove move in Moves.Values.Where(m => m.Order.Name == container))
        {
            await Hosts[move.Order.TargetHost].TargetAsksAsync(move, claims: false);
            await Hosts[move.Source].SourceAsksAsync(move, "nothing was heard");
        }
    }

    public T With<T>(Func<Dictionary<(string Host, string Name), Copy>, T> work)
    {
        lock (_lock)
        {
            T result = work(_copies);
            foreach (IGrouping<string, KeyValuePair<(string Host, string Name), Copy>> copies in _copies.GroupBy(c => c.Key.Name))
            {
                if (copies.Count(c => c.Value.State == CopyState.Running) > 1)
                    Violations.Enqueue($"{copies.Key} runs on {string.Join(" and ", copies.Select(c => c.Key.Host))}");
            }
            return result;
        }
    }

    public IReadOnlyList<string> RunningOn(string name) =>
        With(copies => copies.Where(c => c.Key.Name == name && c.Value.State == CopyState.Running).Select(c => c.Key.Host).ToList());

    public int CopiesOf(string name) => With(copies => copies.Count(c => c.Key.Name == name));

    public long CounterOf(string name) => With(copies => copies.Single(c => c.Key.Name == name).Value.Counter);

    public void Exit(string name, ExitStatus exit)
    {
        string host = With(copies =>
        {
            var key = copies.Keys.Single(k => k.Name == name);
            copies.Remove(key);
            return key.Host;
        });
        Hosts[host].RaiseExited(name, exit);
    }
}

public sealed record FakeMove(MoveOrder Order, string Source)
{
    /// <summary>Its source has given it up, thawed or discarded: it hears nothing of it any more.</summary>
    public bool IsDecided { get; set; }

    public MoveIdentity Identity => new(Order.MigrationId, Order.Name, Source, Order.TargetHost, Order.NewGeneration);
}
