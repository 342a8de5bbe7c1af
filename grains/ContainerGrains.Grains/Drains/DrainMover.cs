using Microsoft.Extensions.Logging;

namespace ContainerGrains.Grains;

/// <summary>
/// Moves one container away from a host that is drained: to the best host that takes it, and again for what passes. What has become of
/// it the record says, whatever a call has answered.
/// </summary>
internal sealed partial class DrainMover(string host, IGrainFactory grains, RecordStore records, TimeProvider time, ILogger logger)
{
    private const int MaxAttempts = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(250);
    // Longer than the hand-over's own limits on both hosts.
    private static readonly TimeSpan LongestMove = TimeSpan.FromMinutes(10);
    // The report is written behind the commit, and not at all when a host decided in the grain's place.
    private static readonly TimeSpan LongestReport = TimeSpan.FromSeconds(5);

    /// <param name="mayBegin">False once no more moves are to be begun.</param>
    /// <param name="tell">Hears of each attempt.</param>
    /// <param name="deadline">Stops the move before its commit.</param>
    public async Task<DrainedContainer> MoveAsync(
        DrainedContainer container, Func<bool> mayBegin, Func<DrainedContainer, Task> tell, CancellationToken deadline)
    {
        TimeSpan pause = FirstPause;
        for (int attempt = 1; ; attempt++)
        {
            container = container with { Step = DrainStep.Moving, Attempts = attempt };
            await tell(container);
            ContainerException? failure = null;
            try
            {
                await MoveOnceAsync(container.Name, mayBegin, deadline);
            }
            catch (Exception e)
            {
                failure = Describe(e, container.Name, deadline);
                LogAttemptFailed(failure, container.Name, host, attempt);
            }
            // A move of somebody else is waited for as long as there is a point in it, our own to its end.
            bool own = failure is not { Code: ContainerErrorCode.AlreadyMoving };
            DrainedContainer now = Judge(container, await SettleAsync(container.Name, null, () => own || mayBegin()), failure);
            if (now.Step != DrainStep.Stays || attempt == MaxAttempts || !mayBegin() || !DrainRules.Passes(now.ErrorCode!.Value))
                return now;
            await Task.Delay(pause, time, deadline).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            pause *= 2;
        }
    }

    /// <summary>What a record says of a container that was here.</summary>
    public DrainedContainer Judge(DrainedContainer container, ContainerRecord? record, ContainerException? failure)
    {
        if (record is null)
            return container with { Step = DrainStep.Gone };
        if (record.Home != host)
        {
            MigrationReport? report = record.Reports.FirstOrDefault(r => r.From == host && r.To == record.Home && r.Error is null);
            return container with
            {
                Step = DrainStep.Moved, To = record.Home, MigrationId = report?.MigrationId, FreezeMs = report?.FreezeMs ?? 0, TotalMs = report?.TotalMs ?? 0,
                Reason = null, ErrorCode = null,
            };
        }
        if (!DrainRules.HasProcesses(record.Phase))
            return container with { Step = DrainStep.NotRunning, Reason = null, ErrorCode = null };
        return container with
        {
            Step = DrainStep.Stays,
            Reason = failure?.Message ?? $"The move of '{container.Name}' came to no end that is known; 'cg inspect {container.Name}' shows where it is.",
            ErrorCode = failure?.Code ?? ContainerErrorCode.MoveFailed,
        };
    }

    private async Task MoveOnceAsync(string name, Func<bool> mayBegin, CancellationToken deadline)
    {
        if ((await records.ReadAsync(name, deadline)).Record is not { } record || record.Home != host || !DrainRules.HasProcesses(record.Phase))
            return;
        var refusals = new List<ContainerException>();
        foreach (string target in await grains.GetGrain<IClusterGrain>(0).RankHostsAsync(record.Spec!, host, deadline))
        {
            try
            {
                MigrationStarted started = await grains.GetGrain<IContainerGrain>(name).MigrateAsync(target, new MigrateOptions { From = host }, deadline);
                ContainerRecord? after = await SettleAsync(name, started.MigrationId, () => true);
                if (after?.Reports.FirstOrDefault(r => r.MigrationId == started.MigrationId) is { Error: { } error } failed)
                    throw new ContainerException(failed.ErrorCode ?? ContainerErrorCode.MoveFailed, error);
                return;
            }
            catch (ContainerException e) when (DrainRules.IsOfTarget(e.Code))
            {
                refusals.Add(e);
                if (!mayBegin())
                    break;
            }
        }
        throw refusals.Count == 1 ? refusals[0]
            : new ContainerException(refusals[^1].Code, string.Join(" ", refusals.Select(r => r.Message).Distinct()), refusals[^1]);
    }

    /// <summary>The record once it knows of no move any more and, when one is named, has its report; null when there is none.</summary>
    private async Task<ContainerRecord?> SettleAsync(string name, string? migrationId, Func<bool> goOn)
    {
        long begun = time.GetTimestamp();
        long? quiet = null;
        ContainerRecord? last = null;
        for (TimeSpan wait = FirstLook; ; wait = wait * 2 < LongestLook ? wait * 2 : LongestLook)
        {
            try
            {
                last = (await records.ReadAsync(name, CancellationToken.None)).Record;
                if (last is null)
                    return null;
                if (last.Move is null)
                {
                    quiet ??= time.GetTimestamp();
                    if (migrationId is null || last.Reports.Any(r => r.MigrationId == migrationId) || time.GetElapsedTime(quiet.Value) > LongestReport)
                        return last;
                }
            }
            catch (Exception e)
            {
                LogRecordUnread(e, name);
                if (time.GetElapsedTime(begun) > LongestMove)
                    throw;
            }
            if (last is not null && (!goOn() || time.GetElapsedTime(begun) > LongestMove))
                return last;
            await Task.Delay(wait, time);
        }
    }

    private ContainerException Describe(Exception e, string name, CancellationToken deadline) => e switch
    {
        OperationCanceledException or ContainerException { Code: ContainerErrorCode.Cancelled } when deadline.IsCancellationRequested => TooLate(name),
        ContainerException known => known,
        TimeoutException or OrleansException => new ContainerException(ContainerErrorCode.HostUnreachable,
            $"A host that the move of '{name}' needs does not answer ({e.Message.Split('\n', 2)[0].TrimEnd()}); 'cg hosts' shows who is there.", e),
        _ => new ContainerException(ContainerErrorCode.Internal, $"The move of '{name}' failed: {e.Message}", e),
    };

    /// <summary>What a container is told of that the deadline has left behind.</summary>
    public ContainerException TooLate(string name) => new(ContainerErrorCode.Timeout,
        $"The deadline passed before '{name}' had moved; it runs on on {host}: drain again with a later deadline, or suspend or stop it.");

    [LoggerMessage(220, LogLevel.Warning, "Container {Name} was not moved away from {Host} (attempt {Attempt})")]
    private partial void LogAttemptFailed(Exception exception, string name, string host, int attempt);

    [LoggerMessage(221, LogLevel.Warning, "The record of container {Name} cannot be read")]
    private partial void LogRecordUnread(Exception exception, string name);
}
