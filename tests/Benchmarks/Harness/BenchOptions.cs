namespace ContainerGrains.Benchmarks.Harness;

/// <summary>The command line: what to measure, how often, and where the JSON goes.</summary>
internal sealed record BenchOptions
{
    public static readonly IReadOnlyList<string> Sections = ["start", "memory", "move", "grain", "ps"];

    /// <summary>Samples of each start.</summary>
    public int Starts { get; private set; } = 30;
    /// <summary>Samples of each checkpoint and restore.</summary>
    public int Checkpoints { get; private set; } = 7;
    /// <summary>Sizes of the processes that are checkpointed, MiB.</summary>
    public IReadOnlyList<int> MemoryMebibytes { get; private set; } = [64, 1024];
    /// <summary>Moves of redis, and of the container that grain calls go to.</summary>
    public int Moves { get; private set; } = 20;
    /// <summary>How long calls are counted without a move, seconds.</summary>
    public int CallSeconds { get; private set; } = 5;
    /// <summary>Runs of each command.</summary>
    public int Commands { get; private set; } = 30;
    public IReadOnlyList<string> Only { get; private set; } = Sections;
    public string JsonPath { get; private set; } = $"{BenchPaths.Artifacts}/bench/results.json";

    public const string Usage = """
        usage: ./dev bench [--quick] [--only SECTION[,SECTION...]] [--starts N] [--checkpoints N] [--moves N] [--commands N] [--json FILE]
          sections: start, memory, move, grain, ps; all of them unless told
          --quick   few samples of everything, and no 1 GiB: whether it works, not how fast it is
        CRIU=/path/to/criu compares with that CRIU.
        """;

    /// <exception cref="FormatException">Says what is wrong.</exception>
    public static BenchOptions Parse(IReadOnlyList<string> args)
    {
        var options = new BenchOptions();
        // First, so that whatever else is said wins, wherever it stands.
        if (args.Contains("--quick")) options = options with { Starts = 8, Checkpoints = 3, MemoryMebibytes = [64], Moves = 4, CallSeconds = 1, Commands = 8 };
        for (int i = 0; i < args.Count; i++)
        {
            options = args[i] switch
            {
                "--quick" => options,
                "--starts" => options with { Starts = Count(args, ++i) },
                "--checkpoints" => options with { Checkpoints = Count(args, ++i) },
                "--moves" => options with { Moves = Count(args, ++i) },
                "--commands" => options with { Commands = Count(args, ++i) },
                "--json" => options with { JsonPath = Path.GetFullPath(Value(args, ++i)) },
                "--only" => options with { Only = SectionList(Value(args, ++i)) },
                _ => throw new FormatException($"unexpected argument '{args[i]}'"),
            };
        }
        return options;
    }

    private static string Value(IReadOnlyList<string> args, int index) =>
        index < args.Count ? args[index] : throw new FormatException($"{args[index - 1]} wants a value");

    private static int Count(IReadOnlyList<string> args, int index) =>
        int.TryParse(Value(args, index), out int count) && count is >= 1 and <= 10_000 ? count : throw new FormatException($"{args[index - 1]} takes a number from 1 to 10000, not '{args[index]}'");

    private static string[] SectionList(string list)
    {
        string[] sections = list.Split(',');
        return sections.FirstOrDefault(s => !Sections.Contains(s)) is { } unknown ? throw new FormatException($"there is no section '{unknown}'; there are {string.Join(", ", Sections)}") : sections;
    }
}
