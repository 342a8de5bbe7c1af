using System.Diagnostics;

namespace ContainerGrains.Engine;

/// <summary>A move seen from the target: a <see cref="ContainerRestore"/> on a thread of its own, fed from the wire.</summary>
internal sealed class MoveTarget : IMoveTarget
{
    private readonly OperationThread _thread;
    private readonly ImageReader _reader;
    private ContainerRestore? _restore;
    private bool _hasManifest;

    public MoveTarget(ContainerEngine engine, Stream wire, ContainerConfig config)
    {
        _thread = new OperationThread($"receive {config.Name}");
        _reader = new ImageReader(wire);
        try
        {
            _restore = Run("receive", () =>
            {
                engine.RefuseExisting(config.Name);
                return new ContainerRestore(engine, config);
            });
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ReceiveResult Receive(CancellationToken cancellationToken) => Run("receive", () =>
    {
        long pages = Restore.Pages, bytes = _reader.Bytes, restoring = 0, standstill = 0;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            FrameType type = _reader.Read();
            if (!_hasManifest)
            {
                if (type != FrameType.Manifest) throw _reader.Damaged("it does not begin with its manifest");
                ManifestCheck.Check(_reader.ReadJson<ManifestRecord>());
                _hasManifest = true;
                continue;
            }
            switch (type)
            {
                case FrameType.RoundEnd:
                    // The freeze may be next: what the runtime would collect inside it it collects now.
                    GC.Collect(0);
                    return new ReceiveResult(false, Restore.Pages - pages, _reader.Bytes - bytes, 0);
                case FrameType.End:
                    Restore.Complete();
                    return new ReceiveResult(true, Restore.Pages - pages, _reader.Bytes - bytes, MsSince(restoring), MsSince(standstill));
                default:
                    if (type == FrameType.Standstill) standstill = Stopwatch.GetTimestamp();
                    // What comes before it is placed while the source still reads; from here on the target sets the pace.
                    if (type == FrameType.Container) restoring = Stopwatch.GetTimestamp();
                    Restore.Take(_reader);
                    break;
            }
        }
    });

    private static double MsSince(long timestamp) => timestamp == 0 ? 0 : Stopwatch.GetElapsedTime(timestamp).TotalMilliseconds;

    public IEngineContainer Commit(IReadOnlyList<byte[]> heldFrames)
    {
        EngineContainer container = Run("commit", () => Restore.Go(heldFrames));
        _restore = null;
        Dispose();
        return container;
    }

    public void Dispose()
    {
        ContainerRestore? restore = Interlocked.Exchange(ref _restore, null);
        if (restore is not null) _thread.Run(restore.Dispose);
        _thread.Dispose();
        _reader.Dispose();
    }

    private ContainerRestore Restore => _restore ?? throw new ObjectDisposedException(nameof(MoveTarget), "the move has ended");

    private T Run<T>(string stage, Func<T> work) => _thread.Run(() => ContainerEngine.Guard(stage, work));
}
