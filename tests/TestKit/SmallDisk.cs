using System.Diagnostics;

namespace ContainerGrains.TestKit;

/// <summary>A small tmpfs over a directory, so that a test can fill a host's disk. Gone after the test.</summary>
public sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    /// <param name="options">Of tmpfs(5): size=2m, nr_inodes=3.</param>
    public SmallDisk(string path, string options)
    {
        _path = path;
        Directory.CreateDirectory(path);
        Run("mount", "-t", "tmpfs", "-o", $"mode=755,{options}", "cg-test", path);
    }

    public void Dispose() => Run("umount", "-l", _path);

    private static void Run(string program, params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', args)}: {error}");
    }
}
