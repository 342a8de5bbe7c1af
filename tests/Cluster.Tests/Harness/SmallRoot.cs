namespace ContainerGrains.Cluster.Tests;

/// <summary>A root file system of a shell and a sleep, with the libraries that they need.</summary>
internal static class SmallRoot
{
    private static readonly string[] Programs = ["/bin/sh", "/bin/sleep"];

    public static void Make(string directory)
    {
        foreach (string name in (string[])["proc", "sys", "dev", "tmp", "etc"]) Directory.CreateDirectory($"{directory}/{name}");
        foreach (string file in Programs.Concat(Programs.SelectMany(Libraries)).Distinct())
        {
            Directory.CreateDirectory(Path.GetDirectoryName($"{directory}{file}")!);
            File.Copy(file, $"{directory}{file}");
        }
    }

    // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)" and "/lib64/ld-linux-x86-64.so.2 (0x...)".
    private static IEnumerable<string> Libraries(string program) =>
        Command.Run("ldd", [program]).Check().Out.Split((char[])[' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries).Where(w => w.StartsWith('/'));
}
