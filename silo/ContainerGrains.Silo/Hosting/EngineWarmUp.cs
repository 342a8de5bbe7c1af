using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>Warms the engine's whole path once, beside the start of the silo, so that nothing is compiled inside a freeze.</summary>
internal sealed partial class EngineWarmUp(IContainerEngine engine, ILogger<EngineWarmUp> logger) : IHostedService
{
    private Task _warming = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _warming = OwnThread.RunAsync("warm-up", () => { WarmUp(); return true; });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => _warming.WaitAsync(cancellationToken);

    private void WarmUp()
    {
        try
        {
            engine.WarmUp();
        }
        catch (Exception e)
        {
            // A host that cannot warm up may still serve; what is wrong is said by 'cg check' and by the first start.
            LogFailed(e);
        }
    }

    [LoggerMessage(560, LogLevel.Warning, "The engine's warm-up failed; see 'cg check'")]
    private partial void LogFailed(Exception exception);
}
