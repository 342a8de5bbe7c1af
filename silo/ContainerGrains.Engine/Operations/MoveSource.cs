namespace ContainerGrains.Engine;

/// <summary>A move seen from the source, or a checkpoint: a <see cref="CheckpointSource"/> on a thread of its own, with the container reserved for it.</summary>
internal sealed class MoveSource : IMoveSource
{
    private readonly ContainerEngine _engine;
    private readonly EngineContainer _container;
    private readonly OperationThread _thread;
    private CheckpointSource? _source;
    private TimeSpan _frozen;
    private bool _ended;

    public MoveSource(ContainerEngine engine, EngineContainer container, Stream wire, MoveSettings settings, string what = "move")
    {
        _engine = engine;
        _container = container;
        container.Reserve(what);
        _thread = new OperationThread($"{what} {container.Name}");
        try
        {
            _source = Run("begin", () => Alone(() => new CheckpointSource(container, wire, settings.FreezeTimeout)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public RoundResult Round(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Run("round", () => Alone(Source.Round));
    }

    public CutOverResult CutOver(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_container.Gate) _container.StandsStill = true;
        return Run("cut-over", Source.CutOver);
    }

    public IReadOnlyList<byte[]> TakeHeldFrames() => _container.Network.TakeFrames();

    /// <summary>What a cut-over would refuse now, before anything is written.</summary>
    public void RefuseObstacles() => Run("preflight", () =>
    {
        Source.RefuseObstacles();
        return true;
    });

    public int Processes => Source.Processes;
    public long Bytes => Source.Bytes;

    /// <summary>For how long the container stood still, or has by now.</summary>
    public TimeSpan Frozen => _source?.Frozen ?? _frozen;

    public void Discard() => Discard(keepDirectory: false);

    /// <param name="keepDirectory">The container stays on this host, as an image: its upper directory and logs are still wanted.</param>
    public void Discard(bool keepDirectory)
    {
        CheckpointSource source = Source;
        _engine.Watcher.Forget(_container.InitPid);
        _container.ForgetExecs();
        Run("discard", () =>
        {
            source.Discard();
            source.Dispose();
            return true;
        });
        _frozen = source.Frozen;
        _source = null;
        _ended = true;
        try
        {
            if (!keepDirectory) _container.Directory.Delete();
        }
        finally
        {
            _engine.Remove(_container);
            _container.Release();
            _thread.Dispose();
        }
    }

    public void Dispose()
    {
        CheckpointSource? source = Interlocked.Exchange(ref _source, null);
        try
        {
            if (source is not null) _thread.Run(source.Dispose);
        }
        finally
        {
            if (source is not null) _frozen = source.Frozen;
            if (!_ended) _container.Release();
            _ended = true;
            _thread.Dispose();
        }
    }

    private CheckpointSource Source => _source ?? throw new ObjectDisposedException(nameof(MoveSource), "the move has ended");

    // An exec that is being made is traced by another thread: a round meets it when it is there.
    private T Alone<T>(Func<T> work)
    {
        lock (_container.Gate) return work();
    }

    private T Run<T>(string stage, Func<T> work)
    {
        try
        {
            return _thread.Run(() => ContainerEngine.Guard(stage, work));
        }
        catch (EngineException e) when (e.Error == EngineError.Internal && _container.Exited.IsCompleted)
        {
            throw new EngineException(EngineError.Gone, stage, $"container '{_container.Name}' ended in the middle of it; there is nothing left to carry", e);
        }
    }
}
