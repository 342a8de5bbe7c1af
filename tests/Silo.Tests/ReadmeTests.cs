using System.Runtime.CompilerServices;

namespace ContainerGrains.Silo.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public void The_sample_of_the_README_is_the_program_that_is_compiled()
    {
        string tests = Path.Combine(Path.GetDirectoryName(Here())!, "..");
        string readme = File.ReadAllText(Path.Combine(tests, "..", "README.md"));
        const string begin = "```csharp\n";
        int start = readme.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        string sample = readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)];
        Assert.True(sample == File.ReadAllText(Path.Combine(tests, "ReadmeSample", "Program.cs")),
            "The first C# block of README.md and tests/ReadmeSample/Program.cs differ: change both.");
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
