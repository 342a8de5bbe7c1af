using System.Text;
using ContainerGrains.Linux;

namespace ContainerGrains.TestKit;

/// <summary>What a shell would do in a test: hard links, fifos.</summary>
public static class Shell
{
    public static void Link(string from, string to) =>
        Result.Check(DirectoryCalls.TryLink(Files.AT_FDCWD, Encoding.UTF8.GetBytes(from), Files.AT_FDCWD, Encoding.UTF8.GetBytes(to)), "linkat", path: to);

    public static void MakeFifo(string path) =>
        Result.Check(DirectoryCalls.TryMakeNode(Files.AT_FDCWD, Encoding.UTF8.GetBytes(path), FileStat.S_IFIFO | 0x1B6, 0), "mknodat", path: path);
}
