using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>Interfaces of the current network namespace; netdevice(7).</summary>
public static unsafe class NetworkInterfaces
{
    private const int SIOCGIFINDEX = 0x8933;

    /// <exception cref="LinuxException">ENODEV: none of that name.</exception>
    public static int Index(string name)
    {
        using FileDescriptor socket = Sockets.Create(Sockets.AF_INET, Sockets.SOCK_DGRAM, 0);
        // struct ifreq: the name, then a union.
        byte* request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        bytes.AsSpan(0, Math.Min(bytes.Length, 15)).CopyTo(new Span<byte>(request, 15));
        Kernel.Call("ioctl(SIOCGIFINDEX)", Syscall.ioctl, socket.Number, SIOCGIFINDEX, (long)request, path: name);
        return *(int*)(request + 16);
    }
}
