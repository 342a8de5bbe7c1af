using ContainerGrains.Api;
using Orleans.Runtime;

namespace ContainerGrains.Silo.Api;

/// <summary>One move, from the order to its report. It does not end with the caller that ordered it.</summary>
internal sealed class Move(ApiContext api, TimeProvider time, string name)
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(50);

    /// <exception cref="ContainerException">The move failed; the container runs on where it was.</exception>
    public async Task<MigrationReport> RunAsync(ApiMigrateRequest request)
    {
        IContainerGrain container = api.Container(name);
        var options = new MigrateOptions { DryRun = request.DryRun };
        if (request.MaxRounds is { } rounds)
            options = options with { MaxRounds = rounds };
        if (request.FreezeBudgetMs is { } budgetMs)
            options = options with { FreezeBudget = TimeSpan.FromMilliseconds(budgetMs) };
        if (request.FreezeTimeoutMs is { } freezeMs)
            options = options with { FreezeTimeout = TimeSpan.FromMilliseconds(freezeMs) };

        MigrationStarted started = await container.MigrateAsync(request.To, options, api.Stopping);
        MigrationReport report = started.Report ?? await EndAsync(container, started);
        return report.Error is null || report.DryRun
            ? report
            : throw new ContainerException(report.ErrorCode ?? ContainerErrorCode.MoveFailed, report.Error);
    }

    /// <summary>
    /// Asks until the report is there. The call itself queues while the grain moves; nothing for long after the container has
    /// stopped moving means that the host which knew the outcome is gone.
    /// </summary>
    private async Task<MigrationReport> EndAsync(IContainerGrain container, MigrationStarted started)
    {
        TimeSpan wait = ShortestWait;
        long? quietSince = null;
        while (true)
        {
            ContainerStatus? status = null;
            try
            {
                if (await container.GetMigrationAsync(started.MigrationId, api.Stopping) is { } report)
                    return report;
                status = await container.GetStatusAsync(api.Stopping);
            }
            catch (Exception e) when (e is TimeoutException or SiloUnavailableException or OrleansMessageRejectionException
                or ContainerException { Code: ContainerErrorCode.HostUnreachable or ContainerErrorCode.Timeout })
            {
                // One of the two hosts is gone, and the cluster has not noticed yet: the answer comes from where the grain is next.
            }
            if (status is { Phase: ContainerPhase.Moving } || quietSince is null)
                quietSince = time.GetTimestamp();
            else if (time.GetElapsedTime(quietSince.Value) > api.Options.OutcomeTimeout)
                throw new ContainerException(ContainerErrorCode.MoveFailed, Lost(started, status));
            await Task.Delay(wait, time, api.Stopping);
            wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
        }
    }

    private string Lost(MigrationStarted started, ContainerStatus? status)
    {
        string now = status is null ? "it does not answer" : $"it is {status.Phase.ToString().ToLowerInvariant()} on {status.Host ?? "no host"}, generation {status.Generation}";
        return $"Nobody knows how the move of '{name}' from {started.From} to {started.To} ended: {now}; 'cg inspect {name}' shows it, and the move may be ordered again.";
    }
}
