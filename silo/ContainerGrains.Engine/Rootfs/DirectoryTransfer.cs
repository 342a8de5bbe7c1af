using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// Carries a directory tree (the upper directory of a container's overlay, its logs) from one host to another over a stream, in as
/// many passes as one likes: the first sends everything while the container runs, each later one what has changed since, the last of them
/// inside the freeze. Kept: owners, modes, times, extended attributes, hard links, holes, links, fifos, sockets, devices (overlay's
/// whiteouts are such). The stream's frame around it carries the checksum.
/// The tree on the receiving side must not be the upper directory of a mounted overlay: the kernel does not look at it again.
/// </summary>
public static class DirectoryTransfer
{
    /// <summary>Sends a tree, or what has changed in it since a manifest.</summary>
    /// <param name="since">What the last pass returned; null: the other side has nothing.</param>
    /// <param name="writtenByMappings">
    /// Paths below the directory that processes have mapped shared and writable: such writes need not change a file's times, so these are
    /// compared by content in every pass.
    /// </param>
    /// <returns>What the other side has when it has received this.</returns>
    public static DirectoryManifest Send(string directory, DirectoryManifest? since, Stream stream, IReadOnlySet<string>? writtenByMappings = null, CancellationToken cancellationToken = default)
    {
        using FileDescriptor root = Linux.Files.Open(directory, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);
        using var sender = new DirectorySender(root, since ?? new DirectoryManifest(), new TransferWriter(stream), writtenByMappings ?? new HashSet<string>(), cancellationToken);
        return sender.Run();
    }

    /// <summary>Receives one pass into a directory, which exists.</summary>
    /// <exception cref="EngineException">BadImage: what came makes no sense. DiskFull.</exception>
    public static void Receive(Stream stream, string directory, CancellationToken cancellationToken = default)
    {
        using FileDescriptor root = Linux.Files.Open(directory, Linux.Files.O_RDONLY | Linux.Files.O_DIRECTORY);
        using var receiver = new DirectoryReceiver(root, new TransferReader(stream), cancellationToken);
        receiver.Run();
    }
}
