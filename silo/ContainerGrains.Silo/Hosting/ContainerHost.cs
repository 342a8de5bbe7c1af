using System.Collections.Concurrent;
using System.Diagnostics;
using ContainerGrains.Engine;
using Microsoft.Extensions.Options;

namespace ContainerGrains.Silo;

/// <summary>
/// This host's port for the grains, on the engine. Asynchronous above, synchronous below: each call of the engine gets a thread
/// of its own. It also watches generations: who comes with a lower one than was seen here is not the owner any more.
/// </summary>
internal sealed partial class ContainerHost : IContainerHost
{
    private static readonly TimeSpan OutputPoll = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<string, LocalContainer> _local = new();
    private readonly ConcurrentDictionary<string, long> _generations = new();
    private readonly IContainerEngine _engine;
    private readonly SiloOptions _options;
    private readonly NetworkOptions _network;
    private readonly TlsOptions _tls;
    private readonly IServiceProvider _services;
    private readonly TimeProvider _time;
    private readonly ILogger<ContainerHost> _logger;

    public ContainerHost(IContainerEngine engine, IOptions<SiloOptions> options, IOptions<NetworkOptions> network, IOptions<TlsOptions> tls, IServiceProvider services, TimeProvider time, ILogger<ContainerHost> logger)
    {
        (_engine, _options, _network, _tls, _services, _time, _logger) = (engine, options.Value, network.Value, tls.Value, services, time, logger);
        foreach (FoundContainer found in engine.Adopt())
            TakeOver(found);
    }

    public string Name => _options.HostName;
    public event Action<string, ExitStatus>? Exited;

    public Task<HostInfo> GetInfoAsync(CancellationToken cancellationToken)
    {
        (long total, long available) = HostFacts.Memory();
        return Task.FromResult(new HostInfo
        {
            Name = Name,
            State = "Active",
            DataAddress = new System.Net.IPEndPoint(_options.ParsedAddress, _options.DataPort).ToString(),
            Cpus = Environment.ProcessorCount,
            MemoryBytes = total,
            MemoryAvailableBytes = available,
            Containers = _engine.Containers.Count,
            Kernel = HostFacts.Kernel,
            Features = HostFacts.Features,
            Version = typeof(ContainerHost).Assembly.GetName().Version?.ToString(3) ?? "",
        });
    }

    public Task<IReadOnlyList<HostCheck>> CheckAsync(CancellationToken cancellationToken) =>
        OwnThread.RunAsync("check", () => HostChecks.Run(_engine.Options));

    public async Task<RunningState> StartAsync(string name, ContainerSpec spec, string address, long generation, CancellationToken cancellationToken)
    {
        await SettledAsync(name, cancellationToken);
        return await Do(name, "start", () =>
        {
            if (_local.TryGetValue(name, out LocalContainer? there) && there.Exit is null && there.Generation == generation)
                return there.ToState();
            See(name, generation);
            return Track(_engine.Start(spec.ToConfig(name, address, _network.Gateway, generation), cancellationToken)).ToState();
        });
    }

    public async Task<RunningState?> FindAsync(string name, CancellationToken cancellationToken)
    {
        // A copy that arrived, whose grain was lost at the wrong moment: the record is asked now.
        if (_incoming.Values.FirstOrDefault(m => m.Offer.Name == name && m.IsCutOver) is { } arriving)
        {
            arriving.AskRecord();
            await arriving.Ended.WaitAsync(cancellationToken);
        }
        await SettledAsync(name, cancellationToken);
        if (_local.TryGetValue(name, out LocalContainer? local))
            return local.IsLeaving ? null : await Do(name, "find", local.ToState);
        return _foundEnded.TryGetValue(name, out ExitStatus? exit) ? new RunningState(0, 0, default, [], exit) : null;
    }

    public Task SignalAsync(string name, int signal, int virtualPid, CancellationToken cancellationToken) => Do(name, "signal", () =>
    {
        Running(name).Signal(virtualPid, signal);
        return true;
    });

    public async Task<ExitStatus> StopAsync(string name, int signal, TimeSpan grace, CancellationToken cancellationToken)
    {
        LocalContainer local = Known(name);
        if (local.Exit is { } before)
            return before;
        try
        {
            await Do(name, "stop", () => { local.Container.Signal(1, signal); return true; });
            await local.Container.Exited.WaitAsync(grace > TimeSpan.Zero ? grace : TimeSpan.Zero, _time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or ContainerException { Code: ContainerErrorCode.NoSuchProcess })
        {
            // It did not listen, or it is gone already; either way nothing of it is left after this.
        }
        if (!local.Container.Exited.IsCompleted)
            await Do(name, "kill", local.Container.Kill);
        return (await local.Container.Exited.WaitAsync(cancellationToken)).ToStatus();
    }

    public async Task<ExitStatus?> WaitAsync(string name, TimeSpan wait, CancellationToken cancellationToken)
    {
        LocalContainer local = Known(name);
        if (local.Exit is { } before)
            return before;
        try
        {
            ProcessExit exit = await local.Container.Exited.WaitAsync(wait, _time, cancellationToken);
            return local.IsLeaving ? null : exit.ToStatus();
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    public Task<ExecStarted> ExecAsync(string name, ExecRequest request, CancellationToken cancellationToken) => Do(name, "exec", () =>
    {
        IExecSession session = Running(name).Exec(new ExecConfig(request.Args, request.Env, request.WorkingDirectory, request.User, request.StandardInput), cancellationToken);
        return new ExecStarted(session.Id, session.VirtualPid);
    });

    public Task<ExecOutput> ReadExecAsync(string name, string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken)
    {
        IExecSession session = Known(name).Container.FindExec(execId)
            ?? throw new ContainerException(ContainerErrorCode.NotFound, $"Container '{name}' on {Name} has no exec '{execId}'.");
        const int MaxBytes = 256 << 10;
        return PollAsync(wait, () =>
        {
            // The end is looked at before the output, or output written in between would be lost.
            bool ended = session.Exited.IsCompletedSuccessfully;
            (byte[] stdout, byte[] stderr, LogCursor next) = ReadBoth(session.StdoutPath, session.StderrPath, from, MaxBytes);
            bool nothing = stdout.Length == 0 && stderr.Length == 0;
            return (new ExecOutput(stdout, stderr, next, ended && nothing ? session.Exited.Result.ToStatus() : null), !nothing || ended);
        }, cancellationToken);
    }

    public Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(string name, CancellationToken cancellationToken) => Do<IReadOnlyList<ProcessInfo>>(name, "processes", () =>
    {
        IEngineContainer container = Running(name);
        return [.. container.Processes().Select(p => p.ToInfo(container.Pidspace))];
    });

    public Task<ContainerStats> GetStatsAsync(string name, CancellationToken cancellationToken) => Do(name, "stats", () =>
    {
        CgroupStats stats = Running(name).Stats();
        return new ContainerStats
        {
            Name = name,
            CpuSeconds = stats.CpuSeconds,
            MemoryBytes = stats.MemoryBytes,
            MemoryLimitBytes = stats.MemoryLimitBytes,
            Processes = stats.Processes,
            Threads = stats.Threads,
            ReceivedBytes = stats.ReceivedBytes,
            SentBytes = stats.SentBytes,
        };
    });

    public Task<LogChunk> ReadLogsAsync(string name, LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (!_local.TryGetValue(name, out LocalContainer? local))
            return Task.FromResult(new LogChunk([], [], from, Ended: true));
        return PollAsync(wait, () =>
        {
            bool ended = local.Exit is not null;
            (byte[] stdout, byte[] stderr, LogCursor next) = ReadBoth(local.Container.StdoutPath, local.Container.StderrPath, from, maxBytes);
            bool nothing = stdout.Length == 0 && stderr.Length == 0;
            return (new LogChunk(stdout, stderr, next, ended && nothing), !nothing || ended);
        }, cancellationToken);
    }

    public async Task<CheckpointReport> CheckpointAsync(string name, ContainerSpec spec, string? path, bool leaveRunning, CancellationToken cancellationToken)
    {
        LocalContainer local = Known(name);
        using Activity? span = ContainerTelemetry.Source.StartActivity("checkpoint")?.SetTag("container.name", name);
        CheckpointReport report = await Do(name, "checkpoint", () =>
        {
            string file = path ?? Path.Combine(_options.StateDirectory, "checkpoints", $"{name}-{_time.GetUtcNow():yyyyMMdd-HHmmss-fff}.cgi");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            string partial = file + ".partial";
            long start = _time.GetTimestamp();
            local.IsLeaving = !leaveRunning;
            try
            {
                CheckpointResult result;
                using (var image = ImageFile.Create(partial))
                    result = Running(name).Checkpoint(image, leaveRunning, cancellationToken);
                File.Move(partial, file, overwrite: true);
                return new CheckpointReport
                {
                    Name = name,
                    Host = Name,
                    Path = file,
                    Bytes = result.Bytes,
                    FrozenMs = result.FrozenMs,
                    TotalMs = _time.GetElapsedTime(start).TotalMilliseconds,
                    Processes = result.Processes,
                    Rounds = result.Rounds,
                };
            }
            catch
            {
                local.IsLeaving = false;
                File.Delete(partial);
                throw;
            }
        });
        span?.SetTag("container.checkpoint.rounds", report.Rounds).SetTag("container.checkpoint.bytes", report.Bytes).SetTag("container.checkpoint.frozen_ms", report.FrozenMs);
        return report;
    }

    public async Task<RunningState> RestoreAsync(string name, ContainerSpec spec, string address, string path, long generation, CancellationToken cancellationToken)
    {
        await SettledAsync(name, cancellationToken);
        return await Do(name, "restore", () =>
        {
            See(name, generation);
            if (!File.Exists(path))
                throw new ContainerException(ContainerErrorCode.BadImage, $"There is no image '{path}' on {Name}; name a file of this host.");
            using var image = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            return Track(_engine.Restore(image, spec.ToConfig(name, address, _network.Gateway, generation), cancellationToken)).ToState();
        });
    }

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => Do(name, "delete", () =>
    {
        if (_local.TryGetValue(name, out LocalContainer? local))
            local.IsLeaving = true;
        _engine.Delete(name);
        _local.TryRemove(name, out _);
        _generations.TryRemove(name, out _);
        _foundEnded.TryRemove(name, out _);
        return true;
    });

    public Task<IReadOnlyList<Obstacle>> PreflightAsync(string name, CancellationToken cancellationToken) =>
        Do<IReadOnlyList<Obstacle>>(name, "preflight", () => [.. Running(name).Preflight().Select(o => o.ToObstacle())]);

    /// <summary>Remembers a container that runs here, and tells when it has ended by itself.</summary>
    private LocalContainer Track(IEngineContainer container)
    {
        var local = new LocalContainer(container);
        foreach (string warning in container.Warnings) LogNotInFull(container.Name, warning);
        _local[container.Name] = local;
        _generations.AddOrUpdate(container.Name, local.Generation, (_, seen) => Math.Max(seen, local.Generation));
        container.Exited.ContinueWith(task =>
        {
            if (local.IsLeaving)
            {
                return;
            }
            local.Exit = task.IsCompletedSuccessfully ? task.Result.ToStatus() : new ExitStatus(0, 9);
            LogExited(container.Name, local.Exit.ShellCode);
            Exited?.Invoke(container.Name, local.Exit);
        }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return local;
    }

    /// <exception cref="ContainerException">StaleGeneration.</exception>
    private void See(string name, long generation)
    {
        long highest = _generations.AddOrUpdate(name, generation, (_, seen) => Math.Max(seen, generation));
        if (generation < highest)
            throw new ContainerException(ContainerErrorCode.StaleGeneration,
                $"A command for '{name}' on {Name} carried generation {generation}, but {highest} was seen: another owner has taken over.");
    }

    private LocalContainer Known(string name) => _local.TryGetValue(name, out LocalContainer? local)
        ? local
        : throw new ContainerException(ContainerErrorCode.NotFound, $"Container '{name}' is not on {Name}.");

    private IEngineContainer Running(string name) => _engine.Find(name)
        ?? throw new ContainerException(ContainerErrorCode.WrongPhase, $"Container '{name}' does not run on {Name} any more.");

    private async Task<T> Do<T>(string name, string what, Func<T> work)
    {
        try
        {
            return await OwnThread.RunAsync($"{what} {name}", work);
        }
        catch (Exception e)
        {
            throw EngineErrors.Translate(e, name, Name);
        }
    }

    private static (byte[] Stdout, byte[] Stderr, LogCursor Next) ReadBoth(string stdoutPath, string stderrPath, LogCursor from, int maxBytes)
    {
        byte[] stdout = OutputFile.Read(stdoutPath, from.Stdout, maxBytes);
        byte[] stderr = OutputFile.Read(stderrPath, from.Stderr, maxBytes - stdout.Length);
        return (stdout, stderr, new LogCursor(from.Stdout + stdout.Length, from.Stderr + stderr.Length));
    }

    private async Task<T> PollAsync<T>(TimeSpan wait, Func<(T Value, bool Enough)> read, CancellationToken cancellationToken)
    {
        long start = _time.GetTimestamp();
        while (true)
        {
            (T value, bool enough) = read();
            if (enough || _time.GetElapsedTime(start) >= wait)
                return value;
            await Task.Delay(OutputPoll, _time, cancellationToken);
        }
    }

    [LoggerMessage(502, LogLevel.Warning, "Container {Name} was not restored in full: {Warning}")]
    private partial void LogNotInFull(string name, string warning);

    [LoggerMessage(501, LogLevel.Information, "Container {Name} has exited ({Code})")]
    private partial void LogExited(string name, int code);
}
