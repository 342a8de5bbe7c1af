using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo.Api;

/// <summary>What every endpoint asks: the grains, this host, and the token for work that must not end with its caller.</summary>
internal sealed class ApiContext(IGrainFactory grains, IHostApplicationLifetime lifetime, IOptions<ContainerGrainsApiOptions> options)
{
    public ContainerGrainsApiOptions Options { get; } = options.Value;

    /// <summary>Cancelled when the silo stops. A caller that goes away does not stop what it has set going.</summary>
    public CancellationToken Stopping => lifetime.ApplicationStopping;

    public IClusterGrain Cluster => grains.GetGrain<IClusterGrain>(0);

    public IHostGrain Host(string name) => grains.GetGrain<IHostGrain>(name);

    public IDrainGrain Drain(string host) => grains.GetGrain<IDrainGrain>(host);

    /// <exception cref="ContainerException">InvalidName.</exception>
    public IContainerGrain Container(string name)
    {
        ContainerName.Check(name);
        return grains.GetGrain<IContainerGrain>(name);
    }

    /// <exception cref="ContainerException">InvalidName, NotFound.</exception>
    public async Task<ContainerStatus> StatusAsync(string name, CancellationToken cancellationToken)
    {
        ContainerStatus status = await Container(name).GetStatusAsync(cancellationToken);
        return status.Phase != ContainerPhase.None
            ? status
            : throw new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{name}' in the cluster; 'cg ps -a' lists those that are there.");
    }
}
