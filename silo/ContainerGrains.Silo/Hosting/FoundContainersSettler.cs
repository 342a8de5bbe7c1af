namespace ContainerGrains.Silo;

/// <summary>Asks the records of the containers that the host has found at its start, when the silo can be asked.</summary>
internal sealed class FoundContainersSettler(ContainerHost host) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => host.SettleFoundAsync(stoppingToken);
}
