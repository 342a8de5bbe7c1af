using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>
/// A file without a name that several records of an image refer to (descriptions, mappings) by the device and inode numbers it had
/// when it was dumped. Whoever is restored first makes it; all others open or map the same one.
/// </summary>
internal static class SharedInode
{
    public static FileDescriptor Of(RestoreContext context, ulong device, ulong inode, Func<FileDescriptor> create) => context.Once(("inode", device, inode), create);
}
