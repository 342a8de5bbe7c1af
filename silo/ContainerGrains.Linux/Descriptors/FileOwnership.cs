namespace ContainerGrains.Linux;

/// <summary>F_GETOWN_EX, F_SETOWN_EX, F_GETSIG, F_SETSIG of fcntl(2).</summary>
public static unsafe class FileOwnership
{
    private const int F_SETSIG = 10, F_GETSIG = 11, F_SETOWN_EX = 15, F_GETOWN_EX = 16;

    public static (int Type, int Pid) Get(int fd)
    {
        int* owner = stackalloc int[2];
        // O_PATH descriptors have none.
        return Kernel.Raw(Syscall.fcntl, fd, F_GETOWN_EX, (long)owner) < 0 ? (0, 0) : (owner[0], owner[1]);
    }

    public static void Set(int fd, int type, int pid)
    {
        int* owner = stackalloc int[2] { type, pid };
        Kernel.Call("fcntl(F_SETOWN_EX)", Syscall.fcntl, fd, F_SETOWN_EX, (long)owner);
    }

    public static int GetSignal(int fd) => (int)Math.Max(0, Kernel.Raw(Syscall.fcntl, fd, F_GETSIG));

    public static void SetSignal(int fd, int signal) => Kernel.Call("fcntl(F_SETSIG)", Syscall.fcntl, fd, F_SETSIG, signal);
}
