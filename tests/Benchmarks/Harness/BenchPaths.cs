namespace ContainerGrains.Benchmarks.Harness;

/// <summary>Where things are: all build results lie side by side.</summary>
internal static class BenchPaths
{
    /// <summary>artifacts/, three levels above artifacts/bin/PROJECT/release.</summary>
    public static string Artifacts { get; } = Path.GetFullPath($"{AppContext.BaseDirectory}/../../..");
    public static string Workloads { get; } = $"{AppContext.BaseDirectory}workloads";
    public static string Silo => $"{Artifacts}/bin/ContainerGrains.Silo/release/containergrains-silo";
    public static string Cg => $"{Artifacts}/cg/cg";

    /// <summary>A program in PATH; null when there is none.</summary>
    public static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(d => $"{d}/{program}").FirstOrDefault(File.Exists);
}
