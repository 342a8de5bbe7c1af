using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>A directory that is gone after the test.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("cg-test-").FullName;

    /// <summary>Writes a file and returns its path.</summary>
    public string Write(string name, string text)
    {
        string path = $"{Path}/{name}";
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => DirectoryTrees.Remove(Path);
}
