using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Core.Internal;
using Orleans.Runtime.Placement;

namespace ContainerGrains.Grains;

/// <summary>The move, from the source's side: prepare and pre-copy while everything runs, then hand the grain over.</summary>
public sealed partial class ContainerGrain
{
    private const string TicketKey = "containergrains.ticket";
    private static readonly TimeSpan HandOverCheckPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TidyUpPeriod = TimeSpan.FromSeconds(1);

    private Departure? _move;
    private IGrainTimer? _handOverCheck;

    public async Task<MigrationStarted> MigrateAsync(string? targetHost, MigrateOptions options, CancellationToken cancellationToken)
    {
        using Activity? span = ContainerTelemetry.Source.StartActivity("migrate");
        span?.SetTag("container.name", Name);
        MoveRules.Check(options);
        if (options.DryRun)
            return await DryRunAsync(targetHost, cancellationToken);

        Departure move = await BeginMoveAsync(targetHost, options, cancellationToken);
        try
        {
            using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, move.Cancellation.Token);
            // The container runs, and other calls are served, for as long as this takes.
            await move.Home.PrepareMoveAsync(move.Order, stop.Token);
            await HandOverAsync(move, stop.Token);
        }
        catch (Exception e)
        {
            ContainerException failure = AsMoveFailure(e);
            span?.SetStatus(ActivityStatusCode.Error, failure.Message);
            await GiveUpDepartureAsync(move, failure);
            throw failure;
        }
        return new MigrationStarted(move.Intent.MigrationId, move.Intent.Source, move.Intent.Target, null);
    }

    public Task<MigrationReport?> GetMigrationAsync(string migrationId, CancellationToken cancellationToken)
    {
        RequireExists();
        return Task.FromResult(Record.Reports.FirstOrDefault(r => r.MigrationId == migrationId));
    }

    public Task<bool> CancelMigrationAsync(string migrationId, CancellationToken cancellationToken)
    {
        if (_move is not { HandedOver: false } move || move.Intent.MigrationId != migrationId)
            return Task.FromResult(false);
        move.Cancellation.Cancel();
        return Task.FromResult(true);
    }

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        // A ticket, and nothing more: bulk belongs to the data channel, the truth to the record.
        if (_move is { HandedOver: true, Ticket: { } ticket })
            dehydrationContext.TryAddValue(TicketKey, ticket);
    }

    private async Task<MigrationStarted> DryRunAsync(string? targetHost, CancellationToken cancellationToken)
    {
        ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.BeginMove);
        string target = await ChooseTargetAsync(targetHost, cancellationToken);
        IContainerHost home = Home();
        HostInfo source = await InfoOfAsync(Record.Home, cancellationToken);
        ContainerStats stats = await home.GetStatsAsync(Name, cancellationToken);
        IReadOnlyList<Obstacle> here = await home.PreflightAsync(Name, cancellationToken);
        IReadOnlyList<Obstacle> there = await GrainFactory.GetGrain<IHostCommands>(target)
            .ConsiderAsync(new MoveQuestion(Name, Record.Spec!, source.Features, stats.MemoryBytes), cancellationToken);
        return new MigrationStarted("", Record.Home, target, new MigrationReport
        {
            Name = Name,
            MigrationId = "",
            From = Record.Home,
            To = target,
            Generation = Record.Generation,
            Obstacles = [.. here, .. there],
            DryRun = true,
        });
    }

    private async Task<Departure> BeginMoveAsync(string? targetHost, MigrateOptions options, CancellationToken cancellationToken)
    {
        using (await _gate.EnterAsync(cancellationToken))
        {
            ContainerLifecycle.Next(Name, Record.Phase, ContainerEvent.BeginMove);
            if (options.From is { } from && from != Record.Home)
                throw new ContainerException(ContainerErrorCode.WrongPhase, $"Container '{Name}' is on {Record.Home} by now and not on {from} any more.");
            IContainerHost home = Home();
            string target = await ChooseTargetAsync(targetHost, cancellationToken);
            HostInfo info = await InfoOfAsync(target, cancellationToken);
            IReadOnlyList<Obstacle> obstacles = await home.PreflightAsync(Name, cancellationToken);
            if (obstacles.Count > 0)
                throw new ContainerException(ContainerErrorCode.NotCarried,
                    $"Container '{Name}' cannot be moved now: {string.Join("; ", obstacles.Take(3))}{(obstacles.Count > 3 ? $"; and {obstacles.Count - 3} more" : "")}.");

            var intent = new MoveIntent(Guid.NewGuid().ToString("N"), Record.Home, target, Record.Generation + 1);
            var order = new MoveOrder(intent.MigrationId, Name, target, info.DataAddress, intent.NewGeneration, Record.Spec!, Record.Address, options);
            var move = new Departure(intent, order, home);
            try
            {
                await UpdateAsync(r => r with { Phase = ContainerLifecycle.Next(Name, r.Phase, ContainerEvent.BeginMove), Move = intent });
            }
            catch (Exception e)
            {
                // The store may have taken it all the same.
                await ForgetMoveAsync(move, AsMoveFailure(e));
                throw;
            }
            LogMoving(Name, intent.Source, target, intent.MigrationId);
            return _move = move;
        }
    }

    private async Task<string> ChooseTargetAsync(string? targetHost, CancellationToken cancellationToken)
    {
        string target = targetHost ?? await Cluster.ChooseHostAsync(Record.Spec!, Record.Home, cancellationToken);
        if (target == Record.Home)
            throw new ContainerException(ContainerErrorCode.WrongPhase, $"Container '{Name}' is on {target} already; name another host.");
        hosts.Require(target);
        if (targetHost is not null)
            await Cluster.RequireOpenAsync(target, cancellationToken);
        return target;
    }

    private async Task<HostInfo> InfoOfAsync(string target, CancellationToken cancellationToken)
    {
        try
        {
            return await GrainFactory.GetGrain<IHostGrain>(target).GetInfoAsync(cancellationToken).WaitAsync(TimeSpan.FromSeconds(10), cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException)
        {
            throw new ContainerException(ContainerErrorCode.HostUnreachable, $"Host {target} does not answer; try another, or look at 'cg hosts'.", e);
        }
    }

    private async Task HandOverAsync(Departure move, CancellationToken cancellationToken)
    {
        // The gate: a stop or a delete that has begun is not torn in two.
        using (await _gate.EnterAsync(cancellationToken))
        {
            if (Record.Move?.MigrationId != move.Intent.MigrationId)
                throw new ContainerException(ContainerErrorCode.MoveFailed, $"Container '{Name}' is {Record.Phase.ToString().ToLowerInvariant()} by now; there is nothing left to move.");
            cancellationToken.ThrowIfCancellationRequested();
            move.Ticket = new MoveTicket(move.Intent.MigrationId, move.Intent.NewGeneration, Activity.Current?.Id, time.GetUtcNow());
            move.HandedOver = true;
            _interruptPolls.Cancel();
            GoTo(move.Intent.Target);
            // Orleans leaves the grain alone when the target dies before it has been chosen; somebody must notice.
            _handOverCheck = this.RegisterGrainTimer(CheckHandOverAsync, move,
                new GrainTimerCreationOptions(HandOverCheckPeriod, HandOverCheckPeriod) { Interleave = true });
        }
    }

    /// <summary>Runs only while this activation lives: timers end with it, and with them the hand-over's watch.</summary>
    private async Task CheckHandOverAsync(Departure move, CancellationToken cancellationToken)
    {
        if (_move != move || Record.Move?.MigrationId != move.Intent.MigrationId)
        {
            _handOverCheck?.Dispose();
        }
        else if (hosts.Find(move.Intent.Target) is null)
        {
            _handOverCheck?.Dispose();
            await GiveUpDepartureAsync(move, new ContainerException(ContainerErrorCode.MoveFailed,
                $"Host {move.Intent.Target} left the cluster before the hand-over; container '{Name}' runs on on {move.Intent.Source}."));
        }
        else
        {
            GoTo(move.Intent.Target);
        }
    }

    /// <summary>The container runs on where it is. Nothing was frozen, or the host has thawed it when this returns.</summary>
    private async Task GiveUpDepartureAsync(Departure move, ContainerException failure)
    {
        LogMoveFailed(failure, Name, move.Intent.MigrationId);
        move.HandedOver = false;
        if (_interruptPolls.IsCancellationRequested)
            _interruptPolls = new CancellationTokenSource();
        try
        {
            await move.Home.AbandonMoveAsync(move.Intent.MigrationId, failure.Message, CancellationToken.None);
        }
        catch (Exception e)
        {
            // The host keeps at it by itself; the record is right in any case.
            LogAbandonFailed(e, Name, move.Intent.MigrationId);
        }
        await ForgetMoveAsync(move, failure);
        if (_move == move)
            _move = null;
    }

    /// <summary>The record says that the move has failed; if the store is silent, when it answers again.</summary>
    private async Task ForgetMoveAsync(Departure move, ContainerException failure)
    {
        try
        {
            await UpdateAsync(r => r.Move?.MigrationId != move.Intent.MigrationId ? r
                : r.WithoutMove(MoveArbiter.Failed(move.Identity(Name), r.Generation, failure.Code, failure.Message)));
            move.TidyUp?.Dispose();
        }
        catch (Exception e)
        {
            LogAbandonFailed(e, Name, move.Intent.MigrationId);
            move.TidyUp ??= this.RegisterGrainTimer(_ => ForgetMoveAsync(move, failure), new GrainTimerCreationOptions(TidyUpPeriod, TidyUpPeriod) { Interleave = true });
        }
    }

    /// <summary>Migrates this activation when it is idle; without a usable silo it stays.</summary>
    private void GoTo(string hostName)
    {
        if (hosts.Find(hostName) is not { } silo)
            return;
        object? before = RequestContext.Get(IPlacementDirector.PlacementHintKey);
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        try
        {
            GrainContext.GetComponent<IGrainManagementExtension>()!.MigrateOnIdle().AsTask().Ignore();
        }
        finally
        {
            // The calls that this one still makes are not to be placed there.
            if (before is null)
                RequestContext.Remove(IPlacementDirector.PlacementHintKey);
            else
                RequestContext.Set(IPlacementDirector.PlacementHintKey, before);
        }
    }

    private ContainerException AsMoveFailure(Exception e) => e switch
    {
        ContainerException known => known,
        OperationCanceledException => new ContainerException(ContainerErrorCode.Cancelled, $"The move of '{Name}' was cancelled before its commit; the container runs on on {Record.Home}."),
        _ => new ContainerException(ContainerErrorCode.MoveFailed, $"The move of '{Name}' failed before its commit; the container runs on on {Record.Home}: {e.Message}", e),
    };

    [LoggerMessage(120, LogLevel.Information, "Container {Name} moves from {Source} to {Target} (move {MigrationId})")]
    private partial void LogMoving(string name, string source, string target, string migrationId);

    [LoggerMessage(121, LogLevel.Warning, "The move {MigrationId} of container {Name} failed before its commit")]
    private partial void LogMoveFailed(Exception exception, string name, string migrationId);

    [LoggerMessage(122, LogLevel.Error, "The failed move {MigrationId} of container {Name} could not be tidied up at once")]
    private partial void LogAbandonFailed(Exception exception, string name, string migrationId);

    private sealed class Departure(MoveIntent intent, MoveOrder order, IContainerHost home)
    {
        public MoveIntent Intent { get; } = intent;
        public MoveOrder Order { get; } = order;
        public IContainerHost Home { get; } = home;
        public CancellationTokenSource Cancellation { get; } = new();
        public MoveTicket? Ticket { get; set; }
        public bool HandedOver { get; set; }
        public IGrainTimer? TidyUp { get; set; }

        public MoveIdentity Identity(string name) => new(Intent.MigrationId, name, Intent.Source, Intent.Target, Intent.NewGeneration);
    }
}
