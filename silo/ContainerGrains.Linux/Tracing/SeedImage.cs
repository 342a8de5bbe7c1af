using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>
/// The seed: an ELF program of a few bytes that only waits (pause(2) in a loop), written by ourselves into a memfd. It is
/// started by posix_spawn, seized, and from then on driven by its tracer; it is the only program of ours inside a container's
/// processes, and it is gone when they become the program or the restored process.
/// </summary>
public static unsafe class SeedImage
{
    private const ulong Base = 0x10000;

    /// <summary>Where the seed has its <c>syscall</c> instruction.</summary>
    public static readonly RemoteAddress SyscallInstruction = new(Base + 120 + 5);

    /// <summary>Number under which a seed finds a pidfd of this process, to pull descriptors with pidfd_getfd.</summary>
    public const int EnginePidFd = 3;

    [DllImport("libc", EntryPoint = "posix_spawn")]
    private static extern int PosixSpawn(int* pid, byte* path, void* actions, void* attributes, byte** argv, byte** envp);
    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static extern int ActionsInit(void* actions);
    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static extern int ActionsAddDup2(void* actions, int fd, int newFd);
    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static extern int ActionsDestroy(void* actions);
    [DllImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static extern int AttrInit(void* attr);
    [DllImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static extern int AttrSetFlags(void* attr, short flags);
    [DllImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static extern int AttrSetSigMask(void* attr, void* mask);
    [DllImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static extern int AttrSetSigDefault(void* attr, void* mask);
    [DllImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static extern int AttrDestroy(void* attr);

    private static readonly Lazy<FileDescriptor> Image = new(WriteImage);
    private static readonly Lazy<FileDescriptor> Self = new(() =>
        new FileDescriptor(Kernel.Call("pidfd_open", Syscall.pidfd_open, Environment.ProcessId, 0)));

    /// <summary>Starts a seed as a child of this process and returns its pid; it has no descriptors but <see cref="EnginePidFd"/>.</summary>
    public static int Spawn()
    {
        const short POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8;
        byte* actions = stackalloc byte[256];
        byte* attr = stackalloc byte[512];
        byte* none = stackalloc byte[128];
        byte* all = stackalloc byte[128];
        new Span<byte>(none, 128).Clear();
        new Span<byte>(all, 128).Fill(0xff);
        int pid, error;
        ActionsInit(actions);
        AttrInit(attr);
        try
        {
            ActionsAddDup2(actions, Self.Value.Number, EnginePidFd);
            AttrSetFlags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
            AttrSetSigMask(attr, none);
            AttrSetSigDefault(attr, all);
            fixed (byte* path = Files.Bytes($"/proc/self/fd/{Image.Value.Number}"))
            fixed (byte* name = "seed\0"u8)
            {
                byte** argv = stackalloc byte*[2] { name, null };
                byte** envp = stackalloc byte*[1] { null };
                error = PosixSpawn(&pid, path, actions, attr, argv, envp);
            }
        }
        finally
        {
            ActionsDestroy(actions);
            AttrDestroy(attr);
        }
        return error == 0 ? pid : throw new LinuxException("posix_spawn", error);
    }

    private static FileDescriptor WriteImage()
    {
        ReadOnlySpan<byte> code = [0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]; // 1: mov eax, SYS_pause; syscall; jmp 1b
        byte[] elf = new byte[120 + code.Length];
        using (var w = new BinaryWriter(new MemoryStream(elf)))
        {
            w.Write([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            w.Write((ushort)2); w.Write((ushort)62); w.Write(1u);           // ET_EXEC, EM_X86_64
            w.Write(Base + 120); w.Write(64ul); w.Write(0ul); w.Write(0u);  // entry, program headers
            w.Write((ushort)64); w.Write((ushort)56); w.Write((ushort)1); w.Write((ushort)0); w.Write((ushort)0); w.Write((ushort)0);
            w.Write(1u); w.Write(5u); w.Write(0ul); w.Write(Base); w.Write(Base); // PT_LOAD, R+X
            w.Write((ulong)elf.Length); w.Write((ulong)elf.Length); w.Write(0x1000ul);
            w.Write(code);
        }
        fixed (byte* name = "cg-seed\0"u8)
        {
            var file = new FileDescriptor(Kernel.Call("memfd_create", Syscall.memfd_create, (long)name, 1 /* MFD_CLOEXEC */));
            Files.WriteAll(file.Number, elf);
            return file;
        }
    }
}
