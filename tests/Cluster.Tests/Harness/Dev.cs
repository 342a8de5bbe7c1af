namespace ContainerGrains.Cluster.Tests;

/// <summary>./dev, for a cluster of a name.</summary>
internal static class Dev
{
    public const string ClusterVariable = "CG_LOCAL_CLUSTER";

    /// <summary>The repository: four levels above artifacts/bin/PROJECT/release.</summary>
    public static string Root { get; } = Path.GetFullPath($"{AppContext.BaseDirectory}/../../../..");

    public static string Cg => $"{Root}/artifacts/cg/cg";

    /// <summary>A program of the build that ./dev runs.</summary>
    public static string Program(string project) => $"{Root}/artifacts/bin/{project}/release/{project}";

    public static Ended Run(string cluster, params string[] arguments) => Run(cluster, new Dictionary<string, string>(), arguments);

    public static Ended Run(string cluster, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using Command command = Start(cluster, environment, arguments);
        return command.Wait();
    }

    /// <summary>As a terminal starts it: a process group of its own, which Ctrl-C is for.</summary>
    public static Command Start(string cluster, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Command.Start("setsid", ["bash", $"{Root}/dev", .. arguments], new Dictionary<string, string>(environment) { [ClusterVariable] = cluster });
}
