using System.Collections.Concurrent;

namespace ContainerGrains.Cli.Tests.Fakes;

/// <summary>A cluster in memory: three hosts, and containers that behave as the contracts say.</summary>
public sealed class FakeCluster : IClusterGrain
{
    private readonly ConcurrentDictionary<string, FakeContainer> _containers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, FakeDrain> _drains = new(StringComparer.Ordinal);

    public IReadOnlyList<string> Hosts { get; } = ["host-a", "host-b", "host-c"];

    public ConcurrentDictionary<string, bool> Cordoned { get; } = new(StringComparer.Ordinal);

    /// <summary>Programs that are there; others give ProgramNotFound.</summary>
    public HashSet<string> Programs { get; } = ["sh", "sleep", "redis-server", "echo", "cat", "true"];

    public List<MigrationProgress> Progress { get; } = [];
    /// <summary>How often a host was asked for it.</summary>
    public int ProgressAsked;

    /// <summary>A real host would take the image; here it lands where this says.</summary>
    public Func<string, string> ImagePath { get; set; } = name => Path.Combine(Path.GetTempPath(), name + ".image");

    public FakeDrain Drain(string host) => _drains.GetOrAdd(host, h => new FakeDrain(this, h));

    public FakeContainer Container(string name) => _containers.GetOrAdd(name, n => new FakeContainer(this, n));

    public FakeContainer Running(string name, string host = "host-a", params string[] args)
    {
        FakeContainer container = Container(name);
        container.CreateAsync(new ContainerSpec { Args = args.Length == 0 ? ["sleep", "60"] : args, Host = host }, default).GetAwaiter().GetResult();
        container.StartAsync(default).GetAwaiter().GetResult();
        return container;
    }

    public Task<IReadOnlyList<HostInfo>> GetHostsAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<HostInfo>>([.. Hosts.Select(h => FakeHost.Info(h) with { Cordoned = Cordoned.ContainsKey(h) })]);

    public Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ContainerStatus>>([.. _containers.Values.Select(c => c.Status).Where(s => s.Phase != ContainerPhase.None)]);

    public Task<ContainerClaim> ClaimAsync(string name, string home, CancellationToken cancellationToken) => throw new NotSupportedException();
    public Task ReleaseAsync(string name, long lastGeneration, CancellationToken cancellationToken) => throw new NotSupportedException();
    public Task<string> ChooseHostAsync(ContainerSpec spec, string? awayFrom, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<string>> RankHostsAsync(ContainerSpec spec, string? awayFrom, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task RequireOpenAsync(string host, CancellationToken cancellationToken)
    {
        RequireHost(host);
        if (Cordoned.ContainsKey(host))
            throw new ContainerException(ContainerErrorCode.HostCordoned, $"Host {host} is cordoned; 'cg uncordon {host}' lets it take containers again.");
        return Task.CompletedTask;
    }

    public Task<bool> CordonAsync(string host, CancellationToken cancellationToken)
    {
        RequireHost(host);
        return Task.FromResult(Cordoned.TryAdd(host, true));
    }

    public Task<bool> UncordonAsync(string host, CancellationToken cancellationToken)
    {
        RequireHost(host);
        return Task.FromResult(Cordoned.TryRemove(host, out _));
    }

    private void RequireHost(string host)
    {
        if (!Hosts.Contains(host))
            throw new ContainerException(ContainerErrorCode.HostNotFound, $"There is no active host '{host}'; the cluster has {string.Join(", ", Hosts)}.");
    }
}
