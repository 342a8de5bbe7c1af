using System.Collections.Concurrent;
using ContainerGrains.Engine;
using ContainerRecord = ContainerGrains.Grains.ContainerRecord;

namespace ContainerGrains.Silo;

/// <summary>
/// Containers that an earlier silo of this host has left. While there was no silo here the cluster may have decided something else about
/// each, so its record is asked first, and until it has answered a container stays as it was found.
/// </summary>
internal sealed partial class ContainerHost
{
    private static readonly TimeSpan AskRecordAgain = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RecordTimeout = TimeSpan.FromSeconds(5);

    // Those whose record was not asked yet.
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _unsettled = new();
    private readonly ConcurrentDictionary<string, ExitStatus> _foundEnded = new();

    /// <summary>What is to become of one that was found.</summary>
    private enum Fate
    {
        /// <summary>It goes on here.</summary>
        Stays,
        /// <summary>The record says that nothing of it runs.</summary>
        Ends,
        /// <summary>It has another home by now, or none.</summary>
        Goes,
    }

    /// <summary>Asks the record of each container that was found; ends when all have been settled.</summary>
    internal async Task SettleFoundAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, ExitStatus exit) in _foundEnded)
            Exited?.Invoke(name, exit);
        await Task.WhenAll(_unsettled.Select(found => SettleAsync(found.Key, found.Value, cancellationToken)));
    }

    private void TakeOver(FoundContainer found)
    {
        if (found.Container is { } container)
        {
            LogFound(found.Name, container.InitPid);
            _unsettled[found.Name] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Track(container);
            return;
        }
        LogNotFound(found.Name, found.State, found.Reason);
        if (found.State != FoundState.Left)
            _foundEnded[found.Name] = found.State == FoundState.Killed ? new ExitStatus(0, 9) : ExitStatus.Unknown;
    }

    /// <summary>For who is to do something with a container: it may have to stay or go first.</summary>
    private Task SettledAsync(string name, CancellationToken cancellationToken) =>
        _unsettled.TryGetValue(name, out TaskCompletionSource? settled) ? settled.Task.WaitAsync(cancellationToken) : Task.CompletedTask;

    private async Task SettleAsync(string name, TaskCompletionSource settled, CancellationToken cancellationToken)
    {
        IEngineContainer container = _local[name].Container;
        while (true)
        {
            try
            {
                Fate fate = await AskFateAsync(name).WaitAsync(RecordTimeout, _time, cancellationToken);
                await OwnThread.RunAsync($"settle {name}", () => Settle(container, fate));
                break;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (container.Exited.IsCompleted)
                    break;
                LogNotSettled(e, name);
                await Task.Delay(AskRecordAgain, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        _unsettled.TryRemove(name, out _);
        settled.SetResult();
    }

    private async Task<Fate> AskFateAsync(string name)
    {
        ContainerRecord? record = (await _services.GetRequiredService<RecordStore>().ReadAsync(name, CancellationToken.None)).Record;
        if (record is null || record.Home != Name)
            return Fate.Goes;
        if (record.Move is { } move)
        {
            // Perhaps the other side holds a whole copy: only one of the two can write its claim.
            var identity = new MoveIdentity(move.MigrationId, name, move.Source, move.Target, move.NewGeneration);
            string reason = $"The move of '{name}' to {move.Target} failed before its commit (the silo of {Name} was started anew in the middle of it); the container runs on on {Name}.";
            return await Arbiter.ReclaimAsync(identity, ContainerErrorCode.MoveFailed, reason, CancellationToken.None) == MoveVerdict.Source ? Fate.Stays : Fate.Goes;
        }
        // Created: its start was not recorded any more, and the next one finds it.
        return record.Phase is ContainerPhase.Running or ContainerPhase.Created ? Fate.Stays : Fate.Ends;
    }

    private bool Settle(IEngineContainer container, Fate fate)
    {
        LogSettled(container.Name, fate);
        if (fate == Fate.Stays)
        {
            container.Resume();
            return true;
        }
        LocalContainer local = _local[container.Name];
        local.IsLeaving = true;
        if (fate == Fate.Goes)
            container.Discard();
        else
            container.Kill();
        _local.TryRemove(new KeyValuePair<string, LocalContainer>(container.Name, local));
        return true;
    }

    [LoggerMessage(500, LogLevel.Information, "Container {Name} runs here already (init {InitPid}) and is taken back; its record is asked")]
    private partial void LogFound(string name, int initPid);

    [LoggerMessage(503, LogLevel.Warning, "Container {Name}, which an earlier silo has left here, is {State}: {Reason}")]
    private partial void LogNotFound(string name, FoundState state, string reason);

    [LoggerMessage(504, LogLevel.Information, "Container {Name}, which was taken back: {Fate}, says its record")]
    private partial void LogSettled(string name, Fate fate);

    [LoggerMessage(505, LogLevel.Warning, "Container {Name} stays as it was found: its record cannot be asked, or what it says cannot be done; the next attempt follows")]
    private partial void LogNotSettled(Exception exception, string name);
}
