namespace ContainerGrains.Benchmarks.Harness;

/// <summary>A directory of this run, gone at its end.</summary>
internal sealed class Scratch : IDisposable
{
    private const string Parent = "/var/lib/containergrains-bench";

    /// <param name="parent">Another file system, /dev/shm for what must not wait for a disk.</param>
    public Scratch(string parent = Parent)
    {
        Path = $"{parent}/cg-bench-{Guid.NewGuid().ToString("n")[..8]}";
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public void Dispose()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
        if (Directory.Exists(Parent) && !Directory.EnumerateFileSystemEntries(Parent).Any()) Directory.Delete(Parent);
    }
}
