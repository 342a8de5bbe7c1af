using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo;

/// <summary>
/// Drains this host before its silo stops (<see cref="SiloOptions.DrainOnStop"/>). A host that takes no containers for this reason alone
/// takes them again when the next silo has started: a file in the state directory remembers it.
/// </summary>
internal sealed partial class DrainOnStop(IGrainFactory grains, IOptions<SiloOptions> options, TimeProvider time, ILogger<DrainOnStop> logger) : IHostedService
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(200);

    private string Host => options.Value.HostName;
    private string Mark => Path.Combine(options.Value.StateDirectory, "cordoned-on-stop");

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Mark))
            return;
        try
        {
            await grains.GetGrain<IClusterGrain>(0).UncordonAsync(Host, cancellationToken);
            File.Delete(Mark);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // It serves what it has; somebody will have to say 'cg uncordon'.
            LogStillCordoned(e, Host);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Apart from the drain, which does not tell whether somebody had cordoned it before.
            if (await grains.GetGrain<IClusterGrain>(0).CordonAsync(Host, cancellationToken))
                await File.WriteAllBytesAsync(Mark, [], cancellationToken);
            IDrainGrain drain = grains.GetGrain<IDrainGrain>(Host);
            DrainReport report = await drain.StartAsync(new DrainOptions { Deadline = options.Value.DrainTimeout }, cancellationToken);
            for (; report.State == DrainState.Draining; report = await drain.GetAsync(cancellationToken))
                await Task.Delay(LookPeriod, time, cancellationToken);
            foreach (DrainedContainer left in report.Containers.Where(c => c.Step == DrainStep.Stays))
                LogLeft(left.Name, Host, left.Reason);
        }
        catch (Exception e)
        {
            // The silo stops all the same: what keeps it from draining would keep it for ever.
            LogNotDrained(e, Host);
        }
    }

    [LoggerMessage(580, LogLevel.Warning, "Container {Name} is left on {Host}, whose silo stops: {Reason}")]
    private partial void LogLeft(string name, string host, string? reason);

    [LoggerMessage(581, LogLevel.Error, "Host {Host} could not be drained before its silo stops")]
    private partial void LogNotDrained(Exception exception, string host);

    [LoggerMessage(582, LogLevel.Error, "Host {Host} was cordoned by the stop of its silo and could not be uncordoned; 'cg uncordon' does it")]
    private partial void LogStillCordoned(Exception exception, string host);
}
