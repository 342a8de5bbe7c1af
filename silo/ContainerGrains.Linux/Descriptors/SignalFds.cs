namespace ContainerGrains.Linux;

/// <summary>signalfd(2).</summary>
public static unsafe class SignalFds
{
    /// <param name="mask">Bit n-1 for signal n.</param>
    public static FileDescriptor Create(ulong mask, int flags) => new(Kernel.Call("signalfd4", Syscall.signalfd4, -1, (long)(&mask), sizeof(ulong), flags | Files.O_CLOEXEC));
}
