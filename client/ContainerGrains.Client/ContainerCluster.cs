using Orleans;

namespace ContainerGrains.Client;

/// <summary>The cluster, for a service: its containers and its hosts.</summary>
public sealed class ContainerCluster(IGrainFactory grains, TimeProvider time)
{
    private IClusterGrain Cluster => grains.GetGrain<IClusterGrain>(0);

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

    /// <returns>False when it was not cordoned.</returns>
    public Task<bool> UncordonAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => Cluster.UncordonAsync(host, cancellationToken), cancellationToken);

    /// <summary>Progress of the moves that a host takes part in; answered also while the container's own calls wait.</summary>
    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(string host, CancellationToken cancellationToken = default) =>
        Transient.RetryAsync(time, () => grains.GetGrain<IHostGrain>(host).GetProgressAsync(cancellationToken), cancellationToken);
}
