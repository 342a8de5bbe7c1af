namespace ContainerGrains.Silo;

/// <summary>A checkpoint's file: it holds a container's memory, so only its owner may read it.</summary>
internal static class ImageFile
{
    public static FileStream Create(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.Create, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 1 << 16, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });
}
