using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ContainerGrains.Silo.Api;

/// <summary>The Unix socket that the API is served on: mode 0660, in a directory that only its owner and group may enter.</summary>
public static class ApiSocket
{
    private const UnixFileMode DirectoryMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;
    private const UnixFileMode SocketMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    /// <summary>Has Kestrel listen on <paramref name="path"/>, in place of a socket that a dead silo left there.</summary>
    /// <exception cref="InvalidOperationException">A living silo answers there.</exception>
    public static void ListenOnApiSocket(this KestrelServerOptions kestrel, string path)
    {
        // The directory is closed before the socket is born in it: nobody else can connect before the mode is set.
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, DirectoryMode);
        RemoveStale(path);
        kestrel.ListenUnixSocket(path);
    }

    /// <summary>Gives the socket its mode once it is there.</summary>
    internal static void SecureApiSocket(this IHostApplicationLifetime lifetime, string path)
    {
        if (path.Length > 0)
            lifetime.ApplicationStarted.Register(() => File.SetUnixFileMode(path, SocketMode));
    }

    private static void RemoveStale(string path)
    {
        if (!File.Exists(path))
            return;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path);
            return;
        }
        throw new InvalidOperationException($"A silo answers on {path} already; stop it, or give this one another host name.");
    }
}
