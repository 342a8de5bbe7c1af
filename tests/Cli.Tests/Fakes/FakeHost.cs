namespace ContainerGrains.Cli.Tests.Fakes;

public sealed class FakeHost(FakeCluster cluster, string name) : IHostGrain
{
    public static HostInfo Info(string name) => new()
    {
        Name = name, State = "Active", SiloAddress = "10.0.0.1:11111", DataAddress = "10.0.0.1:11112", Cpus = 4, MemoryBytes = 8L << 30,
        MemoryAvailableBytes = 6L << 30, Containers = 1, Kernel = "6.18.0", Version = "0.1.0",
        Features = new HostFeatures { Kernel = ["pagemap_scan"], CpuFlags = ["avx2"], VdsoDigest = "abcd", Xcr0 = 0xe7 },
    };

    public Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken) => Task.FromResult(Info(name));

    public Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<HostCheck>>(
    [
        new("root", true, true, "uid 0", ""),
        new("pagemap_scan", name != "host-c", true, name == "host-c" ? "this kernel has none" : "PAGEMAP_SCAN works", "boot a kernel of 6.7 or later"),
        new("cgroup-v2", false, false, "a hybrid host", "limits use the v1 controllers"),
    ]);

    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref cluster.ProgressAsked);
        lock (cluster.Progress)
            return Task.FromResult<IReadOnlyList<MigrationProgress>>([.. cluster.Progress.Where(p => p.From == name || p.To == name)]);
    }
}
