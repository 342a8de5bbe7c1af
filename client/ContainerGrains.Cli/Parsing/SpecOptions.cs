using System.CommandLine;
using System.Globalization;
using ContainerGrains.Api;

namespace ContainerGrains.Cli.Parsing;

/// <summary>The options of run and create that say what the container is to be.</summary>
internal sealed class SpecOptions
{
    private readonly Option<string?> _name = Options.Value<string?>("NAME", "Its name, unique in the cluster; default a made-up one.", "--name");
    private readonly Option<string?> _host = Options.Value<string?>("HOST", "The host to start on; default the cluster chooses.", "--host");
    private readonly Option<string> _rootfs = Options.Value<string>("DIR", "The directory that becomes its (read-only) root; default /, the host's own.", "--rootfs");
    private readonly Option<string[]> _env = Options.List("KEY=VALUE", "An environment variable; KEY alone takes cg's own.", "--env", "-e");
    private readonly Option<string[]> _envFile = Options.List("FILE", "Environment variables, one KEY=VALUE a line.", "--env-file");
    private readonly Option<string?> _workdir = Options.Value<string?>("DIR", "The working directory inside; default /.", "--workdir", "-w");
    private readonly Option<string?> _user = Options.Value<string?>("USER[:GROUP]", "User by name or number; default root.", "--user", "-u");
    private readonly Option<string?> _hostname = Options.Value<string?>("NAME", "Host name inside; default the container's name.", "--hostname", "-h");
    private readonly Option<string?> _memory = Options.Value<string?>("SIZE", "Memory limit (512m, 2g).", "--memory", "-m");
    private readonly Option<string?> _cpus = Options.Value<string?>("NUMBER", "CPU limit (1.5 for one and a half).", "--cpus");
    private readonly Option<int?> _pids = Options.Value<int?>("NUMBER", "Limit of processes and threads.", "--pids-limit");
    private readonly Option<string[]> _volumes = Options.List("SOURCE:TARGET[:ro]", "A directory or file of the host inside.", "--volume", "-v");
    private readonly Option<string[]> _labels = Options.List("KEY=VALUE", "A label.", "--label", "-l");
    private readonly Option<string?> _stopSignal = Options.Value<string?>("SIGNAL", "What stop sends first; default TERM.", "--stop-signal");
    private readonly Option<bool> _interactive = Options.Flag("Refused: a container's standard input is empty; 'cg exec -i' has one.", "--interactive", "-i");
    private readonly Option<bool> _terminal = Options.Flag("Refused: there are no terminals yet.", "--tty", "-t");
    private readonly Argument<string[]> _command = Options.Command();

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_name, _host, _rootfs, _env, _envFile, _workdir, _user, _hostname, _memory, _cpus, _pids, _volumes, _labels, _stopSignal, _interactive, _terminal])
            command.Options.Add(option);
        command.Arguments.Add(_command);
    }

    /// <exception cref="CgException">Usage.</exception>
    public ApiCreateRequest Read(ParseResult parsed, Surroundings surroundings, bool start, bool removeOnExit)
    {
        if (parsed.GetValue(_interactive) || parsed.GetValue(_terminal))
            throw CgException.Usage("A container has neither input (-i) nor a terminal (-t) yet; leave them out, and use 'cg exec -i' for a program that reads.");
        string[] command = parsed.GetValue(_command) ?? [];
        if (command.Length == 0)
            throw CgException.Usage("There is no program to run: name one after the options, as in 'cg run -- sleep 60'.");
        return new ApiCreateRequest
        {
            Name = parsed.GetValue(_name) ?? Names.MakeUp(),
            Start = start,
            Spec = new ApiSpec
            {
                Args = command,
                Rootfs = Path.GetFullPath(parsed.GetValue(_rootfs) ?? "/", surroundings.CurrentDirectory),
                Env = [.. (parsed.GetValue(_envFile) ?? []).SelectMany(f => EnvironmentFile(f, surroundings)),
                    .. (parsed.GetValue(_env) ?? []).Select(e => Variable(e, surroundings)).OfType<string>()],
                WorkingDirectory = parsed.GetValue(_workdir) ?? "/",
                User = parsed.GetValue(_user) ?? "0",
                Hostname = parsed.GetValue(_hostname),
                Volumes = [.. (parsed.GetValue(_volumes) ?? []).Select(v => Parsing.Volumes.Parse(v, surroundings.CurrentDirectory))],
                Limits = new ApiLimits
                {
                    MemoryBytes = parsed.GetValue(_memory) is { } memory ? Sizes.Parse(memory, "--memory") : null,
                    Cpus = parsed.GetValue(_cpus) is { } cpus ? ParseCpus(cpus) : null,
                    Pids = parsed.GetValue(_pids),
                },
                Host = parsed.GetValue(_host),
                Labels = (parsed.GetValue(_labels) ?? []).Select(l => l.Split('=', 2)).GroupBy(l => l[0])
                    .ToDictionary(g => g.Key, g => g.Last().ElementAtOrDefault(1) ?? ""),
                StopSignal = parsed.GetValue(_stopSignal) is { } signal ? Signals.Parse(signal) : Signals.SIGTERM,
                RemoveOnExit = removeOnExit,
            },
        };
    }

    /// <summary>KEY=VALUE as it is, KEY with cg's own value; null when cg has none.</summary>
    public static string? Variable(string text, Surroundings surroundings)
    {
        if (text.StartsWith('=') || text.Length == 0)
            throw CgException.Usage($"'{text}' is not an environment variable: write KEY=VALUE.");
        return text.Contains('=') ? text : surroundings.Environment(text) is { } value ? $"{text}={value}" : null;
    }

    private static IEnumerable<string> EnvironmentFile(string file, Surroundings surroundings)
    {
        string path = Path.GetFullPath(file, surroundings.CurrentDirectory);
        if (!File.Exists(path))
            throw CgException.Usage($"There is no file '{path}' for --env-file.");
        return File.ReadLines(path).Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#').Select(l => Variable(l, surroundings)).OfType<string>();
    }

    private static double ParseCpus(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double cpus) && cpus is > 0 and <= 4096
            ? cpus
            : throw CgException.Usage($"'{text}' is not a number of CPUs for --cpus: 0.5 is half of one.");
}
