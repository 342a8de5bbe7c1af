using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ContainerGrains.Grains;

/// <summary>Carries exits from the host's port to the containers' grains, waking them if need be.</summary>
public sealed partial class ExitForwarder(IContainerHost host, IGrainFactory grains, TimeProvider time, ILogger<ExitForwarder> logger) : BackgroundService
{
    private const int MaxAttempts = 60;

    private readonly Channel<(string Name, ExitStatus Exit)> _exits = Channel.CreateUnbounded<(string, ExitStatus)>();

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        host.Exited += Enqueue;
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach ((string name, ExitStatus exit) in _exits.Reader.ReadAllAsync(stoppingToken))
                _ = TellAsync(name, exit, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // The silo stops; what was not told is found at the next activation.
        }
        finally
        {
            host.Exited -= Enqueue;
        }
    }

    private void Enqueue(string name, ExitStatus exit) => _exits.Writer.TryWrite((name, exit));

    private async Task TellAsync(string name, ExitStatus exit, CancellationToken stoppingToken)
    {
        for (int attempt = 1; attempt <= MaxAttempts && !stoppingToken.IsCancellationRequested; attempt++)
        {
            try
            {
                await grains.GetGrain<IContainerEvents>(name).ProcessesExitedAsync(host.Name, exit);
                return;
            }
            catch (Exception e)
            {
                LogNotTold(e, name, attempt);
                await Task.Delay(TimeSpan.FromSeconds(Math.Min(attempt, 5)), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(300, LogLevel.Warning, "The exit of container {Name} could not be told to its grain (attempt {Attempt})")]
    private partial void LogNotTold(Exception exception, string name, int attempt);
}
