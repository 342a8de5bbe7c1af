using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>
/// Binds and connects unix(7) sockets by path inside another root directory. The name in the address is the name that peers are
/// told, so it cannot be written another way to lead there: the calling thread goes there itself for the one call.
/// </summary>
public static unsafe class UnixNames
{
    private const int CLONE_FS = 0x200;

    /// <summary>bind(2) below <paramref name="root"/>; 0 or -errno. A relative path is taken from <paramref name="directory"/>.</summary>
    public static long TryBind(int fd, byte[] address, FileDescriptor root, string? directory) => TryInRoot(Syscall.bind, fd, address, root, directory);

    /// <summary>connect(2) below <paramref name="root"/>, with these effective ids; 0 or -errno.</summary>
    public static long TryConnect(int fd, byte[] address, FileDescriptor root, string? directory, uint uid = 0, uint gid = 0) =>
        TryInRoot(Syscall.connect, fd, address, root, directory, uid, gid);

    /// <summary>sendmsg(2) to a path below <paramref name="root"/>; bytes or -errno.</summary>
    public static long TrySendMessage(int fd, ReadOnlySpan<byte> data, byte[] address, byte[] control, int flags, FileDescriptor root, string? directory)
    {
        fixed (byte* bytes = data, name = address, extra = control)
        {
            long* iov = stackalloc long[2] { (long)bytes, data.Length };
            long* header = stackalloc long[7] { (long)name, address.Length, (long)iov, 1, (long)extra, control.Length, 0 };
            return InRoot(root, directory, Syscall.sendmsg, fd, (long)header, flags);
        }
    }

    private static long TryInRoot(int call, int fd, byte[] address, FileDescriptor root, string? directory, uint uid = 0, uint gid = 0)
    {
        fixed (byte* name = address) return InRoot(root, directory, call, fd, (long)name, address.Length, uid, gid);
    }

    // Only calls to the kernel between the two changes of root: anything else might want to load something from a path.
    private static long InRoot(FileDescriptor root, string? directory, int call, long a0, long a1, long a2, uint uid = 0, uint gid = 0)
    {
        Kernel.Call("unshare(CLONE_FS)", Syscall.unshare, CLONE_FS);
        using FileDescriptor oldRoot = Files.Open("/", Files.O_PATH | Files.O_DIRECTORY), oldDirectory = Files.Open(".", Files.O_PATH | Files.O_DIRECTORY);
        byte[] there = Encoding.UTF8.GetBytes((directory ?? "/") + "\0");
        long result, back;
        fixed (byte* path = there, here = ".\0"u8)
        {
            result = Kernel.Raw(Syscall.fchdir, root.Number);
            if (result == 0) result = Kernel.Raw(Syscall.chroot, (long)here);
            if (result == 0) result = Kernel.Raw(Syscall.chdir, (long)path);
            if (result == 0)
            {
                // For the call alone: chroot needs root's.
                using EffectiveUser? user = (uid, gid) == (0, 0) ? null : new EffectiveUser(uid, gid);
                result = Kernel.Raw(call, a0, a1, a2);
            }
            back = Kernel.Raw(Syscall.fchdir, oldRoot.Number);
            if (back == 0) back = Kernel.Raw(Syscall.chroot, (long)here);
            if (back == 0) back = Kernel.Raw(Syscall.fchdir, oldDirectory.Number);
        }
        Result.Check(back, "chroot back");
        return result;
    }
}
