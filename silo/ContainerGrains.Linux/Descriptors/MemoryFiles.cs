namespace ContainerGrains.Linux;

/// <summary>memfd_create(2) and the seals of such a file.</summary>
public static unsafe class MemoryFiles
{
    public const int F_SEAL_SEAL = 1;
    private const int MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, F_ADD_SEALS = 1033, F_GET_SEALS = 1034;

    public static FileDescriptor Create(string name)
    {
        fixed (byte* p = Files.Bytes(name)) return new FileDescriptor(Kernel.Call("memfd_create", Syscall.memfd_create, (long)p, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    }

    public static int Seals(int fd) => (int)Kernel.Call("fcntl(F_GET_SEALS)", Syscall.fcntl, fd, F_GET_SEALS);

    public static void AddSeals(int fd, int seals) => Kernel.Call("fcntl(F_ADD_SEALS)", Syscall.fcntl, fd, F_ADD_SEALS, seals);
}
