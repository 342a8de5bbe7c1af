using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

namespace ContainerGrains.Grains;

/// <summary>
/// Activation: with the ticket of a move it lets the processes follow; on the wrong host it goes home at once;
/// at home it settles what an accident left open. The record is read first, always: what travelled is a cache.
/// </summary>
public sealed partial class ContainerGrain
{
    private const int MaxReadAttempts = 20;
    private static readonly TimeSpan ReadRetryDelay = TimeSpan.FromMilliseconds(250);

    private MoveTicket? _ticket;
    private bool _travelled;

    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        _travelled = true;
        rehydrationContext.TryGetValue(TicketKey, out _ticket);
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        // Orleans reads the state of a new activation, but not of one that travelled.
        if (_travelled)
            await state.ReadStateAsync(cancellationToken);
        MoveTicket? ticket = _ticket;
        _ticket = null;
        if (!Record.Exists)
            return;
        if (ticket is not null && Record.Move is { } move && move.MigrationId == ticket.MigrationId && move.Target == host.Name)
            await ArriveAsync(ticket, move, cancellationToken);
        else if (Record.Home == host.Name)
            await SettleAsync(cancellationToken);
        if (Record.Exists && Record.Home != host.Name)
            RedirectHome();
        else
            ScheduleRemoval();
    }

    private async Task ArriveAsync(MoveTicket ticket, MoveIntent move, CancellationToken cancellationToken)
    {
        using Activity? handOver = ContainerTelemetry.Source.StartActivity("hand-over", ActivityKind.Internal, ticket.TraceParent, startTime: ticket.HandedOverAt);
        handOver?.SetTag("container.name", Name).SetEndTime(time.GetUtcNow().UtcDateTime);
        using Activity? arrive = ContainerTelemetry.Source.StartActivity("arrive", ActivityKind.Internal, ticket.TraceParent);
        RunningState running;
        try
        {
            running = await host.CutOverAsync(move.MigrationId, cancellationToken);
        }
        catch (Exception e)
        {
            arrive?.SetStatus(ActivityStatusCode.Error, e.Message);
            await GiveUpArrivalAsync(move, AsMoveFailure(e));
            return;
        }
        if (await CommitRecordAsync(move, running))
            await ThawAsync(move);
        else
            await DiscardAsync(move, $"the record of '{Name}' was written by another ({Record.Home}, generation {Record.Generation})");
    }

    /// <summary>THE commit point: from this write on, this host owns the processes.</summary>
    private async Task<bool> CommitRecordAsync(MoveIntent move, RunningState running)
    {
        using Activity? commit = ContainerTelemetry.Source.StartActivity("commit");
        ContainerRecord next = Record with
        {
            Home = host.Name,
            Generation = move.NewGeneration,
            Phase = ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.CommitMove),
            Move = null,
            Running = running,
        };
        try
        {
            if (await TryWriteAsync(next))
                return true;
        }
        catch (Exception e)
        {
            // The store may have taken the write and lost the answer: only the record knows.
            LogCommitUnknown(e, Name, move.MigrationId);
            await ReadAgainAsync();
        }
        return IsCommitted(move);
    }

    private async Task ThawAsync(MoveIntent move)
    {
        MigrationReport report;
        try
        {
            report = await host.CommitMoveAsync(move.MigrationId, move.NewGeneration, CancellationToken.None);
        }
        catch (Exception e)
        {
            // The record is written, so there is no way back; the host goes on by itself, since the record says that it is home.
            LogThawFailed(e, Name, move.MigrationId);
            report = MoveArbiter.Failed(IdentityOf(move), move.NewGeneration, ContainerErrorCode.Internal,
                $"Container '{Name}' belongs to {host.Name} now, but did not start at once: {e.Message}");
        }
        LogArrived(Name, move.Target, report.FreezeMs, report.TotalMs);
        RunningState? running = await FindQuietlyAsync();
        ContainerRecord Complete(ContainerRecord record) => record.WithReport(report) with { Running = running ?? record.Running };
        state.State = Complete(Record);
        // Report, pidspace and real pids are written behind the thaw, outside the activation.
        this.RegisterGrainTimer(_ => UpdateAsync(r => r.Phase == ContainerPhase.Running ? Complete(r) : r.WithReport(report)),
            new GrainTimerCreationOptions(TimeSpan.Zero, Timeout.InfiniteTimeSpan) { Interleave = true });
    }

    /// <summary>What runs here now, with its new real pids; a container that arrived is not lost because they cannot be read.</summary>
    private async Task<RunningState?> FindQuietlyAsync()
    {
        try
        {
            return await host.FindAsync(Name, CancellationToken.None);
        }
        catch (ContainerException e)
        {
            LogPidsUnknown(e, Name);
            return null;
        }
    }

    /// <summary>The cut-over failed: the record gives the container back to the source, then the source may thaw.</summary>
    private async Task GiveUpArrivalAsync(MoveIntent move, ContainerException failure)
    {
        LogMoveFailed(failure, Name, move.MigrationId);
        try
        {
            // Undecided it may not stay: with generation + 1 and this ETag nobody else can commit the move any more.
            await TryWriteAsync((Record with { Generation = move.NewGeneration })
                .WithoutMove(MoveArbiter.Failed(IdentityOf(move), Record.Generation, failure.Code, failure.Message)));
        }
        catch (Exception e)
        {
            LogCommitUnknown(e, Name, move.MigrationId);
            await ReadAgainAsync();
        }
        if (IsCommitted(move))
            await ThawAsync(move);
        else
            await DiscardAsync(move, failure.Message);
    }

    private async Task DiscardAsync(MoveIntent move, string reason)
    {
        try
        {
            await host.AbortMoveAsync(move.MigrationId, reason, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogAbandonFailed(e, Name, move.MigrationId);
        }
    }

    /// <summary>Activated at home without a ticket: a new start of a silo, a move that lost its grain, or simply the first call.</summary>
    private async Task SettleAsync(CancellationToken cancellationToken)
    {
        if (Record.Move is { } lost)
        {
            const string Reason = "the grain came back without having arrived";
            await host.AbandonMoveAsync(lost.MigrationId, Reason, cancellationToken);
            await state.ReadStateAsync(cancellationToken);
            if (Record.Home != host.Name)
                return;
            if (Record.Move is { } still)
                await UpdateAsync(r => r.WithoutMove(MoveArbiter.Failed(IdentityOf(still), r.Generation, ContainerErrorCode.MoveFailed,
                    $"The move of '{Name}' to {still.Target} failed before its commit; the container runs on on {host.Name}: {Reason}.")));
        }
        if (Record.Phase != ContainerPhase.Running)
            return;
        RunningState? running = await host.FindAsync(Name, cancellationToken);
        if (running is { Exit: null })
            return;
        // The host was started anew and its processes died with it, or their end was never told.
        ExitStatus exit = running?.Exit ?? ExitStatus.Unknown;
        LogFoundDead(Name, host.Name);
        await UpdateAsync(r => r with { Phase = ContainerPhase.Exited, Exit = exit, Running = null });
    }

    private void RedirectHome()
    {
        if (hosts.Find(Record.Home) is null)
            return;
        LogRedirect(Name, host.Name, Record.Home);
        // Behind the activation, not inside it; calls that are faster go through RemoteHost.
        this.RegisterGrainTimer(_ => { LeaveForHome(); return Task.CompletedTask; },
            new GrainTimerCreationOptions(TimeSpan.Zero, HandOverCheckPeriod) { Interleave = true });
    }

    private void LeaveForHome()
    {
        // Home may still be waiting until all that it has sent here with this grain is active, and would not take it back before: the
        // next call activates it there.
        if (_travelled)
            DeactivateOnIdle();
        else
            GoTo(Record.Home);
    }

    private bool IsCommitted(MoveIntent move) => Record.Home == move.Target && Record.Generation == move.NewGeneration;

    private MoveIdentity IdentityOf(MoveIntent move) => new(move.MigrationId, Name, move.Source, move.Target, move.NewGeneration);

    private async Task ReadAgainAsync()
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await state.ReadStateAsync(CancellationToken.None);
                return;
            }
            catch (Exception e) when (attempt < MaxReadAttempts)
            {
                LogReadFailed(e, Name, attempt);
                await Task.Delay(ReadRetryDelay, time);
            }
        }
    }

    [LoggerMessage(140, LogLevel.Information, "Container {Name} arrived on {Host}: frozen {FreezeMs:F1} ms, move {TotalMs:F0} ms")]
    private partial void LogArrived(string name, string host, double freezeMs, double totalMs);

    [LoggerMessage(141, LogLevel.Warning, "It is not known whether the commit of move {MigrationId} of container {Name} was written; the record is read")]
    private partial void LogCommitUnknown(Exception exception, string name, string migrationId);

    [LoggerMessage(142, LogLevel.Error, "Container {Name} could not be thawed at once after the commit of move {MigrationId}")]
    private partial void LogThawFailed(Exception exception, string name, string migrationId);

    [LoggerMessage(143, LogLevel.Warning, "Container {Name} is not on {Host} any more: its processes have ended")]
    private partial void LogFoundDead(string name, string host);

    [LoggerMessage(144, LogLevel.Information, "Container {Name} was activated on {Host} and goes home to {Home}")]
    private partial void LogRedirect(string name, string host, string home);

    [LoggerMessage(146, LogLevel.Warning, "The pids of container {Name} cannot be read after its arrival")]
    private partial void LogPidsUnknown(Exception exception, string name);

    [LoggerMessage(145, LogLevel.Warning, "The record of container {Name} cannot be read (attempt {Attempt})")]
    private partial void LogReadFailed(Exception exception, string name, int attempt);
}
