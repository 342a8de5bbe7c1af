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
        await Task.WhenAll(hosts.All().Select(h => InfoAsync(h, cancellationToken)));

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

    public async Task<ContainerClaim> ClaimAsync(string name, CancellationToken cancellationToken)
    {
        ContainerName.Check(name);
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
        if (awayFrom is null && spec.Host is { } named)
        {
            hosts.Require(named);
            return named;
        }
        IReadOnlyList<HostInfo> all = await GetHostsAsync(cancellationToken);
        long wanted = spec.Limits.MemoryBytes ?? 0;
        HostInfo? best = all
            .Where(h => h.State == nameof(SiloStatus.Active) && h.Name != awayFrom && h.MemoryAvailableBytes >= wanted)
            .OrderBy(h => h.Containers).ThenByDescending(h => h.MemoryAvailableBytes).ThenBy(h => h.Name, StringComparer.Ordinal)
            .FirstOrDefault();
        return best?.Name ?? throw new ContainerException(ContainerErrorCode.NoCapacity,
            $"No active host{(awayFrom is null ? "" : $" other than {awayFrom}")} has {wanted >> 20} MiB free; the cluster has {string.Join(", ", all.Select(h => $"{h.Name} ({h.State})"))}.");
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

    [LoggerMessage(201, LogLevel.Warning, "Host {Host} does not answer")]
    private partial void LogHostSilent(Exception exception, string host);
}
