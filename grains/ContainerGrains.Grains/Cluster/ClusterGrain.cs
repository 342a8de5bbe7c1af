using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Storage;

namespace ContainerGrains.Grains;

/// <summary>
/// Names, addresses, hosts. Reentrant, so that a slow host does not hold up a claim; changes of the record are made one after
/// the other, and its ETag keeps a second activation (a partition) from giving an address twice.
/// </summary>
[GrainType("cluster"), KeepAlive, Reentrant]
public sealed partial class ClusterGrain(
    [PersistentState("cluster", RecordStore.StorageName)] IPersistentState<ClusterRecord> state,
    RecordStore records, HostDirectory hosts, IOptions<NetworkOptions> network, TimeProvider time, ILogger<ClusterGrain> logger) : Grain, IClusterGrain
{
    private const int MaxWriteAttempts = 10;
    private const int MaxReadsAtOnce = 64;
    private static readonly TimeSpan HostAnswerTimeout = TimeSpan.FromSeconds(2);

    private readonly AddressPool _pool = new(network.Value);
    private readonly SemaphoreSlim _change = new(1, 1);

    public async Task<IReadOnlyList<HostInfo>> GetHostsAsync(CancellationToken cancellationToken) =>
        [.. (await Task.WhenAll(hosts.All().Select(h => InfoAsync(h, cancellationToken)))).Select(h => h with { Cordoned = IsCordoned(h.Name) })];

    public async Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken)
    {
        // From the records, not from the grains: a listing neither waits for moves nor fails with a host.
        var found = new List<ContainerStatus>();
        foreach (string[] names in state.State.Claims.Keys.Order(StringComparer.Ordinal).Chunk(MaxReadsAtOnce))
        {
            StoredRecord[] read = await Task.WhenAll(names.Select(n => records.ReadAsync(n, cancellationToken)));
            found.AddRange(read.Select(r => r.Record).OfType<ContainerRecord>().Where(r => !IsLeaving(r)).Select(r => r.ToStatus()));
        }
        return found;
    }

    public async Task<ContainerClaim> ClaimAsync(string name, string home, CancellationToken cancellationToken)
    {
        ContainerName.Check(name);
        // Asked again: the host may have been cordoned since it was chosen, and a drain has looked at what is there.
        RequireNotCordoned(home);
        if (state.State.Claims.TryGetValue(name, out NameClaim? claim))
        {
            // A claim without a record is left over from a create that died half way; only the grain of that name asks for it.
            if ((await records.ReadAsync(name, cancellationToken)).Record is not { } record)
                return Claim(name, claim.Offset);
            throw new ContainerException(ContainerErrorCode.NameTaken,
                $"The name '{name}' is taken by a container on {record.Home} since {record.CreatedAt:u}; choose another or remove that container.");
        }
        int offset = 0;
        await ChangeAsync(current =>
        {
            if (current.Claims.TryGetValue(name, out NameClaim? raced))
            {
                offset = raced.Offset;
                return current;
            }
            offset = _pool.Next(current.LastOffset, current.Claims.Values.Select(c => c.Offset).ToHashSet());
            var claims = new Dictionary<string, NameClaim>(current.Claims) { [name] = new(offset, time.GetUtcNow()) };
            return current with { Claims = claims, LastOffset = offset };
        }, cancellationToken);
        LogClaimed(name, _pool.Format(offset));
        return Claim(name, offset);
    }

    public Task ReleaseAsync(string name, long lastGeneration, CancellationToken cancellationToken) => ChangeAsync(current => !current.Claims.ContainsKey(name) ? current : current with
    {
        Claims = current.Claims.Where(c => c.Key != name).ToDictionary(),
        // Who never left its first host was forgotten there when it was removed.
        FirstGeneration = lastGeneration > 1 ? Math.Max(current.FirstGeneration, lastGeneration + 1) : current.FirstGeneration,
    }, cancellationToken);

    public async Task<string> ChooseHostAsync(ContainerSpec spec, string? awayFrom, CancellationToken cancellationToken)
    {
        if (awayFrom is not null || spec.Host is not { } named)
            return (await RankHostsAsync(spec, awayFrom, cancellationToken))[0];
        await RequireOpenAsync(named, cancellationToken);
        return named;
    }

    public async Task<IReadOnlyList<string>> RankHostsAsync(ContainerSpec spec, string? awayFrom, CancellationToken cancellationToken)
    {
        IReadOnlyList<HostInfo> all = await GetHostsAsync(cancellationToken);
        long wanted = spec.Limits.MemoryBytes ?? 0;
        string[] ranked =
        [
            .. all.Where(h => h is { State: nameof(SiloStatus.Active), Cordoned: false } && h.Name != awayFrom && h.MemoryAvailableBytes >= wanted)
                .OrderBy(h => h.Containers).ThenByDescending(h => h.MemoryAvailableBytes).ThenBy(h => h.Name, StringComparer.Ordinal)
                .Select(h => h.Name),
        ];
        if (ranked.Length > 0)
            return ranked;
        string hosts = string.Join(", ", all.Select(h => $"{h.Name} ({h.State}{(h.Cordoned ? ", cordoned" : "")})"));
        throw new ContainerException(ContainerErrorCode.NoCapacity,
            $"No active host{(awayFrom is null ? "" : $" other than {awayFrom}")} has {wanted >> 20} MiB free; the cluster has {hosts}.");
    }

    public Task RequireOpenAsync(string host, CancellationToken cancellationToken)
    {
        hosts.Require(host);
        RequireNotCordoned(host);
        return Task.CompletedTask;
    }

    public async Task<bool> CordonAsync(string host, CancellationToken cancellationToken)
    {
        RequireKnown(host);
        bool changed = false;
        await ChangeAsync(current =>
        {
            changed = !current.Cordons.ContainsKey(host);
            return changed ? current with { Cordons = new Dictionary<string, DateTimeOffset>(current.Cordons) { [host] = time.GetUtcNow() } } : current;
        }, cancellationToken);
        if (changed)
            LogCordoned(host);
        return changed;
    }

    public async Task<bool> UncordonAsync(string host, CancellationToken cancellationToken)
    {
        RequireKnown(host);
        // First: it must not begin to move what the next call creates there.
        await GrainFactory.GetGrain<IDrainGrain>(host).CancelAsync(cancellationToken);
        bool changed = false;
        await ChangeAsync(current =>
        {
            changed = current.Cordons.ContainsKey(host);
            return changed ? current with { Cordons = current.Cordons.Where(c => c.Key != host).ToDictionary() } : current;
        }, cancellationToken);
        if (changed)
            LogUncordoned(host);
        return changed;
    }

    private bool IsCordoned(string host) => state.State.Cordons.ContainsKey(host);

    private void RequireNotCordoned(string host)
    {
        if (state.State.Cordons.TryGetValue(host, out DateTimeOffset since))
            throw new ContainerException(ContainerErrorCode.HostCordoned,
                $"Host {host} is cordoned since {since:u} and takes no containers; choose another, or let it take them again with 'cg uncordon {host}'.");
    }

    /// <summary>A host that is down may be cordoned, and one that has left uncordoned.</summary>
    private void RequireKnown(string host)
    {
        if (!IsCordoned(host) && hosts.All().All(h => h.Host != host))
            hosts.Require(host);
    }

    private ContainerClaim Claim(string name, int offset) => new(name, _pool.Format(offset), state.State.FirstGeneration);

    private static bool IsLeaving(ContainerRecord record) => record is { Phase: ContainerPhase.Exited, Spec.RemoveOnExit: true };

    private async Task<HostInfo> InfoAsync((string Host, SiloAddress Silo, SiloStatus Status) host, CancellationToken cancellationToken)
    {
        var silent = new HostInfo { Name = host.Host, State = host.Status.ToString(), SiloAddress = host.Silo.ToString() };
        if (host.Status != SiloStatus.Active)
            return silent;
        try
        {
            HostInfo info = await GrainFactory.GetGrain<IHostGrain>(host.Host).GetInfoAsync(cancellationToken).WaitAsync(HostAnswerTimeout, cancellationToken);
            return info with { State = host.Status.ToString(), SiloAddress = host.Silo.ToString() };
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            LogHostSilent(e, host.Host);
            return silent with { State = "Unreachable" };
        }
    }

    private async Task ChangeAsync(Func<ClusterRecord, ClusterRecord> change, CancellationToken cancellationToken)
    {
        await _change.WaitAsync(cancellationToken);
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                ClusterRecord before = state.State;
                ClusterRecord next = change(before);
                if (ReferenceEquals(next, before))
                    return;
                try
                {
                    state.State = next;
                    await state.WriteStateAsync(CancellationToken.None);
                    return;
                }
                catch (InconsistentStateException) when (attempt < MaxWriteAttempts)
                {
                    await state.ReadStateAsync(CancellationToken.None);
                }
                catch
                {
                    state.State = before;
                    throw;
                }
            }
        }
        finally
        {
            _change.Release();
        }
    }

    [LoggerMessage(200, LogLevel.Information, "Name {Name} claimed with address {Address}")]
    private partial void LogClaimed(string name, string address);

    [LoggerMessage(202, LogLevel.Information, "Host {Host} is cordoned: it takes no containers")]
    private partial void LogCordoned(string host);

    [LoggerMessage(203, LogLevel.Information, "Host {Host} is uncordoned")]
    private partial void LogUncordoned(string host);

    [LoggerMessage(201, LogLevel.Warning, "Host {Host} does not answer")]
    private partial void LogHostSilent(Exception exception, string host);
}
