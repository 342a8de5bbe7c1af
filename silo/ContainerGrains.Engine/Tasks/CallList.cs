using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Calls that a room makes inside a restored thread, run in one stop.</summary>
public sealed class CallList
{
    private readonly Puppet _agent;
    private readonly List<RemoteCall> _calls = [];

    public CallList(Puppet agent)
    {
        _agent = agent;
        agent.ResetScratch();
    }

    public int Count => _calls.Count;

    public void Add(int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0) => _calls.Add(new RemoteCall(number, a0, a1, a2, a3, a4, a5));

    /// <summary>Puts an argument into the thread's memory, for the time of the run.</summary>
    public RemoteAddress Put<T>(T value) where T : unmanaged => _agent.Put(value);

    /// <inheritdoc cref="Put{T}(T)"/>
    public RemoteAddress Put(ReadOnlySpan<byte> bytes) => _agent.Put(bytes);

    /// <exception cref="EngineException">A call failed; those before it were made.</exception>
    public void Run(string kind, string title)
    {
        if (_calls.Count == 0) return;
        try
        {
            _agent.Run(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_calls), kind);
        }
        catch (LinuxException e)
        {
            throw new EngineException(EngineError.Internal, $"restore: {title}, {kind}", e.Message, e);
        }
    }
}
