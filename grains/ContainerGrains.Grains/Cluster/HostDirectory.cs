using Orleans.Runtime;

namespace ContainerGrains.Grains;

/// <summary>Host names and silos: a silo carries its host's stable name, and the youngest one of a name counts.</summary>
public sealed class HostDirectory(ISiloStatusOracle oracle)
{
    /// <summary>The active silo of a host; null when it has none.</summary>
    public SiloAddress? Find(string host) => oracle.GetApproximateSiloStatuses(onlyActive: true).Keys
        .Where(silo => NameOf(silo) == host)
        .MaxBy(silo => silo.Generation);

    public string? NameOf(SiloAddress silo) => oracle.TryGetSiloName(silo, out string? name) ? name : null;

    /// <summary>All hosts the cluster remembers, with the state of their youngest silo.</summary>
    public IReadOnlyList<(string Host, SiloAddress Silo, SiloStatus Status)> All() =>
    [
        .. oracle.GetApproximateSiloStatuses()
            .Select(s => (Host: NameOf(s.Key) ?? "", Silo: s.Key, Status: s.Value))
            .Where(s => s.Host.Length > 0)
            .GroupBy(s => s.Host)
            .Select(g => g.MaxBy(s => (s.Status == SiloStatus.Active, s.Silo.Generation)))
            .OrderBy(s => s.Host, StringComparer.Ordinal),
    ];

    public IEnumerable<string> ActiveHosts() => All().Where(h => h.Status == SiloStatus.Active).Select(h => h.Host);

    /// <exception cref="ContainerException">HostNotFound.</exception>
    public SiloAddress Require(string host) => Find(host) ?? throw new ContainerException(ContainerErrorCode.HostNotFound,
        $"There is no active host '{host}'; the cluster has {string.Join(", ", ActiveHosts())}.");
}
