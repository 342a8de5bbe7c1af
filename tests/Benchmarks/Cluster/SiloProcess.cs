using System.Diagnostics;
using ContainerGrains.Benchmarks.Harness;

namespace ContainerGrains.Benchmarks.Cluster;

/// <summary>A silo of the same build in a process of its own, as it runs for real; killed with everything in it at the end.</summary>
internal sealed class SiloProcess : IDisposable
{
    private readonly Process _process;
    private readonly StreamWriter _log;

    /// <param name="ports">The first of three.</param>
    public SiloProcess(string directory, string host, int ports)
    {
        Host = host;
        ApiSocket = $"{directory}/{host}/api.sock";
        LogPath = $"{directory}/{host}.log";
        Directory.CreateDirectory($"{directory}/{host}/state");
        _log = new StreamWriter(LogPath) { AutoFlush = true };
        _process = Process.Start(new ProcessStartInfo(BenchPaths.Silo,
        [
            $"--Silo:HostName={host}",
            $"--Silo:StateDirectory={directory}/{host}/state",
            "--Silo:Address=127.0.0.1",
            $"--Silo:SiloPort={ports}",
            $"--Silo:GatewayPort={ports + 1}",
            $"--Silo:DataPort={ports + 2}",
            $"--Silo:ApiSocket={ApiSocket}",
            "--Cluster:Store=Sqlite",
            $"--Cluster:Path={directory}/cluster.db",
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        })!;
        _process.OutputDataReceived += (_, line) => Log(line.Data);
        _process.ErrorDataReceived += (_, line) => Log(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Host { get; }
    public string ApiSocket { get; }
    public string LogPath { get; }
    public bool HasExited => _process.HasExited;

    /// <summary>Its containers must be gone already: a killed silo leaves them running.</summary>
    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _log.Dispose();
    }

    private void Log(string? line)
    {
        lock (_log) if (line is not null) _log.WriteLine(line);
    }
}
