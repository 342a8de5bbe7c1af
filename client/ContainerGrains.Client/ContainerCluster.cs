using Orleans;

namespace ContainerGrains.Client;

/// <summary>The cluster, for a service: its containers and its hosts.</summary>
public sealed class ContainerCluster(IGrainFactory grains, TimeProvider time)
{
    private static readonly TimeSpan DrainPause = TimeSpan.FromMilliseconds(100);

    private IClusterGrain Cluster => grains.GetGrain<IClusterGrain>(0);

    private IDrainGrain Drain(string host) => grains.GetGrain<IDrainGrain>(host);

    /// <summary>A handle to a container, which need not exist yet. It costs nothing and stays valid wherever the container goes.</summary>
    /// <exception cref="ContainerException">InvalidName.</exception>
    public ContainerHandle Container(string name)
    {
        ContainerName.Check(name);
        return new ContainerHandle(name, grains.GetGrain<IContainerGrain>(name), time);
    }

    /// <summary>Claims the name, and starts the container on the host with room or on the one the spec names.</summary>
    public async Task<ContainerHandle> RunAsync(string name, ContainerSpec spec, CancellationToken cancellationToken = default)
    {
        ContainerHandle container = Container(name);
        await container.CreateAsync(spec, cancellationToken);
        try
        {
            await container.StartAsync(cancellationToken);
        }
        catch
        {
            // A name whose program never ran would only be in the way.
            await container.DeleteAsync(force: true, CancellationToken.None);
            throw;
        }
        return container;
    }

    public Task<IReadOnlyList<ContainerStatus>> GetContainersAsync(CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Cluster.GetContainersAsync(cancellationToken), cancellationToken);

    public Task<IReadOnlyList<HostInfo>> GetHostsAsync(CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Cluster.GetHostsAsync(cancellationToken), cancellationToken);

    /// <summary>From now on the host takes no containers, until it is uncordoned; those that are there run on.</summary>
    /// <returns>False when it was cordoned already.</returns>
    public Task<bool> CordonAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Cluster.CordonAsync(host, cancellationToken), cancellationToken);

    /// <summary>The host takes containers again; a drain under way begins no more moves.</summary>
    /// <returns>False when it was not cordoned.</returns>
    public Task<bool> UncordonAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Cluster.UncordonAsync(host, cancellationToken), cancellationToken);

    /// <summary>
    /// Cordons the host, moves away what runs there, and returns when that has ended. What could not move runs on and is named in the
    /// report. Cancelling ends the waiting and not the drain; ordered again it goes on.
    /// </summary>
    /// <exception cref="ContainerException">HostNotFound, InvalidSpec.</exception>
    public async Task<DrainReport> DrainAsync(string host, DrainOptions? options = null, CancellationToken cancellationToken = default)
    {
        DrainReport report = await BeginDrainAsync(host, options, cancellationToken);
        while (report.State == DrainState.Draining)
        {
            await Task.Delay(DrainPause, time, cancellationToken);
            report = await GetDrainAsync(host, cancellationToken);
        }
        return report;
    }

    /// <summary>Sets a drain going; <see cref="GetDrainAsync"/> tells of it.</summary>
    public Task<DrainReport> BeginDrainAsync(string host, DrainOptions? options = null, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Drain(host).StartAsync(options ?? new DrainOptions(), cancellationToken), cancellationToken);

    /// <summary>The drain of a host that is under way, or the last one.</summary>
    public Task<DrainReport> GetDrainAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Drain(host).GetAsync(cancellationToken), cancellationToken);

    /// <summary>Begins no more moves; those under way end, and the host stays cordoned.</summary>
    public Task<DrainReport> CancelDrainAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Drain(host).CancelAsync(cancellationToken), cancellationToken);

    /// <summary>Progress of the moves that a host takes part in; answered also while the container's own calls wait.</summary>
    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => grains.GetGrain<IHostGrain>(host).GetProgressAsync(cancellationToken), cancellationToken);
}
