using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>An empty file that stands for as long as something is so, and is found by the next engine when this one dies meanwhile.</summary>
internal readonly record struct Mark(string Path)
{
    public bool Stands => File.Exists(Path);

    public Standing Set()
    {
        Linux.Files.Open(Path, Linux.Files.O_WRONLY | Linux.Files.O_CREAT, 0x180).Dispose();
        return new Standing(this);
    }

    public void Clear() => Paths.RemoveFile(Path);

    /// <summary>Until it is disposed.</summary>
    public readonly struct Standing(Mark mark) : IDisposable
    {
        public void Dispose() => mark.Clear();
    }
}
