using ContainerGrains.Engine;

namespace ContainerGrains.TestKit;

/// <summary>One of the hosts of an <see cref="EngineTrio"/>: an engine, and the network namespace in which it works, if it has one.</summary>
public sealed class TestHost(ContainerEngine engine, TestNetwork? network)
{
    public ContainerEngine Engine { get; } = engine;

    public string Name => Engine.Options.HostName;

    /// <summary>Runs something where the host's network is (threads inherit it from whoever starts them).</summary>
    public T Run<T>(Func<T> work) => network is null ? work() : network.Run(work);

    public void Run(Action work) => Run(() =>
    {
        work();
        return true;
    });
}
