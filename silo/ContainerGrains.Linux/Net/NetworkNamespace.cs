namespace ContainerGrains.Linux.Net;

/// <summary>A network namespace held open; network_namespaces(7).</summary>
public sealed class NetworkNamespace : IDisposable
{
    private const int CLONE_NEWNET = 0x40000000;
    private const string OfThisThread = "/proc/thread-self/ns/net";
    private readonly FileDescriptor _fd;

    private NetworkNamespace(FileDescriptor fd) => _fd = fd;

    /// <summary>For IFLA_NET_NS_FD and setns.</summary>
    public int Fd => _fd.Number;

    public static NetworkNamespace OfProcess(int pid) => new(Files.Open($"/proc/{pid}/ns/net", Files.O_RDONLY));

    /// <summary>A namespace that <c>ip netns add</c> made.</summary>
    public static NetworkNamespace Named(string name) => new(Files.Open($"/run/netns/{name}", Files.O_RDONLY));

    /// <summary>The calling thread's.</summary>
    public static NetworkNamespace Current() => new(Files.Open(OfThisThread, Files.O_RDONLY));

    /// <summary>Takes over a descriptor of a namespace.</summary>
    public static NetworkNamespace FromDescriptor(FileDescriptor fd) => new(fd);

    /// <summary>A new one without a name; it is gone with its last descriptor, socket and process.</summary>
    public static NetworkNamespace Create()
    {
        using NetworkNamespace before = Current();
        Kernel.Call("unshare(CLONE_NEWNET)", Syscall.unshare, CLONE_NEWNET);
        try
        {
            return Current();
        }
        finally
        {
            before.SetForThread();
        }
    }

    /// <summary>
    /// Moves the calling thread into this namespace until the scope is disposed, on the same thread. Only for threads of one's
    /// own: no await between. Sockets opened inside stay there for good.
    /// </summary>
    public Scope Enter()
    {
        NetworkNamespace before = Current();
        try
        {
            SetForThread();
            return new Scope(before);
        }
        catch
        {
            before.Dispose();
            throw;
        }
    }

    public void Dispose() => _fd.Dispose();

    private void SetForThread() => Kernel.Call("setns(CLONE_NEWNET)", Syscall.setns, _fd.Number, CLONE_NEWNET);

    /// <summary>The way back.</summary>
    public readonly ref struct Scope
    {
        private readonly NetworkNamespace _before;

        internal Scope(NetworkNamespace before) => _before = before;

        public void Dispose()
        {
            _before.SetForThread();
            _before.Dispose();
        }
    }
}
