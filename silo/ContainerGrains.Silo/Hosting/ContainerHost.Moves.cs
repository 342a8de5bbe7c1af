using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>Moves: sessions on both sides, and the door of the data channel.</summary>
internal sealed partial class ContainerHost
{
    private const int MaxIncoming = 64;
    private const long MemoryReserveBytes = 64L << 20;
    private static readonly TimeSpan LeavePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProgressKept = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, MoveSource> _outgoing = new();
    private readonly ConcurrentDictionary<string, MoveTarget> _incoming = new();
    private readonly ConcurrentDictionary<(string Id, bool Outgoing), MoveProgress> _progress = new();
    private readonly MoveExperience _experience = new();

    // Not in the constructor: the arbiter needs the cluster's storage, which needs the silo that is being built.
    private IMoveArbiter Arbiter => _services.GetRequiredService<IMoveArbiter>();

    public async Task PrepareMoveAsync(MoveOrder order, CancellationToken cancellationToken)
    {
        LocalContainer local = Known(order.Name);
        See(order.Name, order.NewGeneration - 1);
        var identity = new MoveIdentity(order.MigrationId, order.Name, Name, order.TargetHost, order.NewGeneration);
        var source = new MoveSource(order, identity, local, HostFacts.Features, _tls, Arbiter, _experience, Activity.Current?.Id, _time, _logger);
        if (_outgoing.Values.Any(m => m.Progress.Move.Name == order.Name && !m.Ended.IsCompleted) || !_outgoing.TryAdd(order.MigrationId, source))
            throw new ContainerException(ContainerErrorCode.AlreadyMoving, $"Container '{order.Name}' is moving already; wait for that move's end or cancel it.");
        Watch(source.Progress, outgoing: true);
        _ = source.Ended.ContinueWith(_ =>
        {
            _outgoing.TryRemove(order.MigrationId, out MoveSource? _);
            if (local.IsLeaving)
                _local.TryRemove(new KeyValuePair<string, LocalContainer>(order.Name, local));
        }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        source.Start();
        await using (cancellationToken.Register(() => source.Abandon("it was cancelled")))
            await source.Prepared;
    }

    public async Task AbandonMoveAsync(string migrationId, string reason, CancellationToken cancellationToken)
    {
        if (!_outgoing.TryGetValue(migrationId, out MoveSource? source))
        {
            // Perhaps one of an earlier silo: which container it was of is not known here, so all of them settle first.
            await Task.WhenAll(_unsettled.Values.Select(settled => settled.Task)).WaitAsync(cancellationToken);
            return;
        }
        source.Abandon(reason);
        await source.Ended.WaitAsync(cancellationToken);
    }

    public async Task<RunningState> CutOverAsync(string migrationId, CancellationToken cancellationToken) =>
        await Incoming(migrationId).CutOverAsync().WaitAsync(cancellationToken);

    public async Task<MigrationReport> CommitMoveAsync(string migrationId, long generation, CancellationToken cancellationToken)
    {
        MoveTarget target = Incoming(migrationId);
        if (target.Offer.NewGeneration != generation)
            throw new ContainerException(ContainerErrorCode.StaleGeneration, $"The move {migrationId} is for generation {target.Offer.NewGeneration}, not {generation}.");
        return await target.CommitAsync().WaitAsync(cancellationToken);
    }

    public Task AbortMoveAsync(string migrationId, string reason, CancellationToken cancellationToken) =>
        _incoming.TryGetValue(migrationId, out MoveTarget? target) ? target.AbortAsync(reason).WaitAsync(cancellationToken) : Task.CompletedTask;

    public Task<IReadOnlyList<MigrationProgress>> GetProgressAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<MigrationProgress>>([.. _progress.Values.Select(p => p.ToProgress())]);

    /// <summary>Serves one connection of the data channel, to the end of its move, on the calling thread.</summary>
    internal void Serve(Socket socket)
    {
        DataChannel? channel = null;
        try
        {
            channel = Accept(socket);
            if (channel.Distrust is { } distrust)
            {
                LogDistrusted(distrust);
                channel.Refuse(new MoveRefusal(ContainerErrorCode.OfferRefused, $"{Name} takes nothing from this host: {distrust}."));
                return;
            }
            MoveOffer offer = channel.Read<MoveOffer>(FrameType.Offer);
            if (Examine(offer, channel.PeerCertificate) is { } refusal)
            {
                LogRefused(offer.Name, offer.SourceHost, refusal.Reason);
                channel.Write(FrameType.Refuse, refusal);
                channel.Dispose();
                return;
            }
            Receive(offer, channel);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            LogBadConnection(e, channel is null ? "?" : "a peer");
            channel?.Dispose();
            socket.Dispose();
        }
    }

    private DataChannel Accept(Socket socket)
    {
        if (!_tls.IsSet)
            return new DataChannel(socket);
        socket.ReceiveTimeout = (int)HostTls.HandshakeTimeout.TotalMilliseconds;
        if (DataChannel.BeginsPlain(socket))
            return new DataChannel(socket) { Distrust = "it came without TLS, and here it is required; set Silo:Tls on both hosts" };
        using HostTls tls = HostTls.Load(_tls);
        return tls.Accept(socket);
    }

    private void Receive(MoveOffer offer, DataChannel channel)
    {
        MoveIdentity identity = IdentityOf(offer);
        ContainerConfig config = offer.Spec.ToConfig(offer.Name, offer.Address, _network.Gateway, offer.NewGeneration);
        var target = new MoveTarget(offer, identity, channel, _engine, config, Arbiter, _time, _logger);
        target.Arrived += container => Track(container);
        if (!_incoming.TryAdd(offer.MigrationId, target))
        {
            channel.Write(FrameType.Refuse, new MoveRefusal(ContainerErrorCode.AlreadyMoving, $"The ticket of move {offer.MigrationId} was used already."));
            channel.Dispose();
            return;
        }
        Watch(target.Progress, outgoing: false);
        try
        {
            target.Run();
        }
        finally
        {
            _incoming.TryRemove(offer.MigrationId, out MoveTarget? _);
        }
    }

    /// <summary>Why the offer is refused; null to take it. Every reason is told before anything of the container has moved.</summary>
    private MoveRefusal? Examine(MoveOffer offer, X509Certificate2? peer)
    {
        MoveRefusal No(ContainerErrorCode code, string why) => new(code, $"{Name} does not take container '{offer.Name}': {why}.");

        if (peer is not null && HostTls.NameProblem(peer, offer.SourceHost) is { } impostor)
            return No(ContainerErrorCode.OfferRefused, impostor);
        if (offer.TargetHost != Name)
            return No(ContainerErrorCode.OfferRefused, $"the offer is for {offer.TargetHost}");
        if (_incoming.Count >= MaxIncoming)
            return No(ContainerErrorCode.OfferRefused, $"{MaxIncoming} moves to it are under way; try again later");
        // It may come back before its last copy here has gone.
        _outgoing.Values.FirstOrDefault(m => m.Progress.Move.Name == offer.Name)?.Ended.Wait(LeavePatience);
        if (_engine.Find(offer.Name) is not null || _incoming.Values.Any(m => m.Offer.Name == offer.Name))
            return No(ContainerErrorCode.OfferRefused, "processes of that name are here already");
        if (_generations.TryGetValue(offer.Name, out long seen) && offer.NewGeneration < seen)
            return No(ContainerErrorCode.StaleGeneration, $"the offer is of generation {offer.NewGeneration}, and {seen} was seen here");
        foreach (Shortcoming lack in Shortcomings(new MoveQuestion(offer.Name, offer.Spec, offer.Features, offer.ResidentBytes)))
            return No(lack.Code, $"{lack.Reason}; {lack.Remedy}");
        return CheckTicket(offer) is { } forged ? No(ContainerErrorCode.OfferRefused, forged) : null;
    }

    public Task<IReadOnlyList<Obstacle>> ConsiderAsync(MoveQuestion question, CancellationToken cancellationToken) =>
        Do<IReadOnlyList<Obstacle>>(question.Name, "consider", () => [.. Shortcomings(question).Select(s => new Obstacle(0, "", $"host {Name}", s.Reason, s.Remedy))]);

    private static IEnumerable<Shortcoming> Shortcomings(MoveQuestion question)
    {
        const string SameDirectory = "provide the same directory on both hosts";
        if (!Directory.Exists(question.Spec.Rootfs))
            yield return new(ContainerErrorCode.RootfsMissing, $"the rootfs '{question.Spec.Rootfs}' is missing there", SameDirectory);
        foreach (VolumeMount volume in question.Spec.Volumes.Where(v => !Path.Exists(v.Source)))
            yield return new(ContainerErrorCode.FileMismatch, $"the volume '{volume.Source}' is missing there", SameDirectory);
        long available = HostFacts.Memory().AvailableBytes;
        if (available - MemoryReserveBytes < question.ResidentBytes)
            yield return new(ContainerErrorCode.NoMemory, $"it needs {question.ResidentBytes >> 20} MiB, and {available >> 20} MiB are available", "free some there, or choose another host");
        if (HostFacts.Lacks(HostFacts.Features, question.Features) is { } lack)
            yield return new(ContainerErrorCode.FeatureMissing, lack, "choose a host of the same kind");
    }

    /// <summary>What this host lacks to take a container.</summary>
    private sealed record Shortcoming(ContainerErrorCode Code, string Reason, string Remedy);

    /// <summary>The ticket is good when the record knows of this very move, undecided.</summary>
    private string? CheckTicket(MoveOffer offer)
    {
        try
        {
            MoveVerdict verdict = Arbiter.ReadAsync(IdentityOf(offer), CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(5)).GetAwaiter().GetResult();
            return verdict == MoveVerdict.Undecided ? null : "the container's record knows nothing of this move";
        }
        catch (Exception e)
        {
            return $"the container's record cannot be read here ({e.Message})";
        }
    }

    private static MoveIdentity IdentityOf(MoveOffer offer) => new(offer.MigrationId, offer.Name, offer.SourceHost, offer.TargetHost, offer.NewGeneration);

    private MoveTarget Incoming(string migrationId) => _incoming.TryGetValue(migrationId, out MoveTarget? target)
        ? target
        : throw new ContainerException(ContainerErrorCode.MoveFailed, $"{Name} knows nothing (any more) of the move {migrationId}: its link was cut, or this host was started anew.");

    private void Watch(MoveProgress progress, bool outgoing)
    {
        foreach (var old in _progress.Where(p => p.Value.EndedBefore(ProgressKept)))
            _progress.TryRemove(old);
        _progress[(progress.Move.MigrationId, outgoing)] = progress;
    }

    [LoggerMessage(520, LogLevel.Warning, "Container {Name} offered by {Source} is refused: {Reason}")]
    private partial void LogRefused(string name, string source, string reason);

    [LoggerMessage(521, LogLevel.Warning, "A connection of the data channel from {Peer} failed")]
    private partial void LogBadConnection(Exception exception, string peer);

    [LoggerMessage(522, LogLevel.Warning, "A connection of the data channel is refused: {Reason}")]
    private partial void LogDistrusted(string reason);
}
