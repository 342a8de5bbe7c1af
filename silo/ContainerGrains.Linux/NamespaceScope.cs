namespace ContainerGrains.Linux;

/// <summary>The calling thread in another network namespace, until disposed; on the same thread, nothing awaited between.</summary>
public readonly struct NamespaceScope : IDisposable
{
    private const int CLONE_NEWNET = 0x40000000;
    private readonly FileDescriptor _home;

    private NamespaceScope(FileDescriptor home) => _home = home;

    public static NamespaceScope EnterNetwork(FileDescriptor networkNamespace)
    {
        FileDescriptor home = Files.Open("/proc/thread-self/ns/net", Files.O_RDONLY);
        Kernel.Call("setns(CLONE_NEWNET)", Syscall.setns, networkNamespace.Number, CLONE_NEWNET);
        return new NamespaceScope(home);
    }

    public void Dispose()
    {
        using FileDescriptor home = _home;
        Kernel.Call("setns(CLONE_NEWNET)", Syscall.setns, home.Number, CLONE_NEWNET);
    }
}
