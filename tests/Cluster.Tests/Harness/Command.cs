using System.Diagnostics;

namespace ContainerGrains.Cluster.Tests;

/// <summary>A program that has ended.</summary>
internal sealed record Ended(string What, int ExitCode, string Out, string Error)
{
    /// <summary>It worked.</summary>
    public Ended Check()
    {
        Assert.True(ExitCode == 0, $"{What} ended with {ExitCode}: {Error}{Out}");
        return this;
    }
}

/// <summary>Another program that runs: what it says is kept.</summary>
internal sealed class Command : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly string _what;
    private readonly Process _process;
    private readonly Lines _out = new(), _error = new();

    private Command(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _what = $"{Path.GetFileName(start.FileName)} {string.Join(' ', start.ArgumentList)}";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => _out.Add(line.Data);
        _process.ErrorDataReceived += (_, line) => _error.Add(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Pid => _process.Id;
    public bool HasExited => _process.HasExited;
    public string Out => _out.ToString();
    public string Error => _error.ToString();

    public static Command Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string directory = "/")
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new Command(start);
    }

    public static Ended Run(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        using Command command = Start(program, arguments, environment);
        return command.Wait();
    }

    public void Say(string line) => _process.StandardInput.WriteLine(line);

    public Ended Wait()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(Patience)) throw new TimeoutException($"{_what} did not end within {Patience.TotalSeconds} s: {Error}{Out}");
        // Without a limit it also waits for the last of the output.
        _process.WaitForExit();
        return new Ended(_what, _process.ExitCode, Out, Error);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private sealed class Lines
    {
        private readonly List<string> _lines = [];

        public void Add(string? line)
        {
            if (line is null) return;
            lock (_lines) _lines.Add(line);
        }

        public override string ToString()
        {
            lock (_lines) return string.Concat(_lines.Select(l => $"{l}\n"));
        }
    }
}
