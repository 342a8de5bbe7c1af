using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>Owns a descriptor of this process and closes it once.</summary>
public sealed class FileDescriptor : SafeHandle
{
    public FileDescriptor(long fd) : base(-1, ownsHandle: true) => SetHandle((nint)fd);

    public override bool IsInvalid => handle < 0;

    /// <summary>The number, for a call made while this object is alive.</summary>
    public int Number => (int)handle;

    // Linux always frees the number, even on EINTR; a retry could close someone else's file.
    protected override bool ReleaseHandle()
    {
        _ = Kernel.Raw(Syscall.close, handle);
        return true;
    }

    public override string ToString() => $"fd {Number}";
}
