using System.Text;

namespace ContainerGrains.Cli.Tests.Fakes;

/// <summary>
/// A container in memory. Its program is one of a few: "echo" writes and ends, "sh -c 'exit N'" ends with N, "cat" (as exec)
/// gives back its input, everything else runs until a signal ends it. A file that is not executable has a slash in its name.
/// </summary>
public sealed class FakeContainer(FakeCluster cluster, string name) : IContainerGrain
{
    private readonly Lock _lock = new();
    private readonly MemoryStream _stdout = new();
    private readonly MemoryStream _stderr = new();
    private readonly Dictionary<string, (byte[] Stdout, byte[] Stderr, ExitStatus Exit)> _execs = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MigrationReport? _report;
    private TaskCompletionSource? _migration;

    public ContainerStatus Status { get; private set; } = new() { Name = name, Spec = new ContainerSpec { Args = ["none"] } };

    public List<(int Signal, int Pid)> Signals { get; } = [];
    public TimeSpan? StopGrace { get; private set; }
    public MigrateOptions? MoveOptions { get; private set; }
    public List<ExecRequest> Execs { get; } = [];

    /// <summary>What stands in the way of a move.</summary>
    public List<Obstacle> Obstacles { get; } = [];

    /// <summary>What a move or a restore could not do in full.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Thrown by every call that does something, when set.</summary>
    public ContainerException? Failure { get; set; }

    /// <summary>Bytes of the image that a checkpoint writes.</summary>
    public byte[] Image { get; set; } = Encoding.UTF8.GetBytes("the image of " + name);

    /// <summary>What resume has read from its staged file.</summary>
    public byte[]? Resumed { get; private set; }

    /// <summary>When set, a move waits here after it was ordered, until <see cref="EndMove"/> or a cancel.</summary>
    public bool HoldMove { get; set; }

    public bool MoveCommitted { get; set; }

    /// <summary>When set, nobody knows how a move ended.</summary>
    public bool ForgetMove { get; set; }

    public void Write(string text) => Change(() => _stdout.Write(Encoding.UTF8.GetBytes(text)));

    public void WriteError(string text) => Change(() => _stderr.Write(Encoding.UTF8.GetBytes(text)));

    public void ExitWith(int code, int signal = 0) => Change(() => Status = Status with { Phase = ContainerPhase.Exited, Exit = new ExitStatus(code, signal), InitPid = 0 });

    public async Task<ContainerStatus> CreateAsync(ContainerSpec spec, CancellationToken cancellationToken)
    {
        if (Status.Phase != ContainerPhase.None)
            throw new ContainerException(ContainerErrorCode.NameTaken, $"The name '{name}' is taken by a container on {Status.Host}; choose another, or remove it with 'cg rm {name}'.");
        if (spec.Host is { } host)
            await cluster.RequireOpenAsync(host, cancellationToken);
        if (!Directory.Exists(spec.Rootfs))
            throw new ContainerException(ContainerErrorCode.RootfsMissing, $"There is no directory '{spec.Rootfs}' on host-a; put the root file system there.");
        Change(() => Status = new ContainerStatus
        {
            Name = name, Phase = ContainerPhase.Created, Host = spec.Host ?? "host-a", Address = "10.88.1.5", Generation = 1,
            CreatedAt = DateTimeOffset.UtcNow, Spec = spec,
        });
        return Status;
    }

    public Task<ContainerStatus> StartAsync(CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Created, ContainerPhase.Exited);
        IReadOnlyList<string> args = Status.Spec.Args;
        CheckProgram(args[0]);
        Change(() => Status = Status with { Phase = ContainerPhase.Running, StartedAt = DateTimeOffset.UtcNow, InitPid = 4711, Pidspace = 3 });
        if (Pretend(args, [], out byte[] stdout, out byte[] stderr, out ExitStatus? exit))
        {
            Change(() => (_stdout, _stderr).CopyFrom(stdout, stderr));
            ExitWith(exit!.Code, exit.Signal);
        }
        return Task.FromResult(Status);
    }

    public Task<ExitStatus> StopAsync(TimeSpan grace, CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Running);
        StopGrace = grace;
        ExitWith(0, Status.Spec.StopSignal);
        return Task.FromResult(Status.Exit!);
    }

    public Task KillAsync(int signal, int virtualPid, CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Running);
        if (virtualPid is not (1 or 7))
            throw new ContainerException(ContainerErrorCode.NoSuchProcess, $"'{name}' has no process {virtualPid}; 'cg top {name}' lists them.");
        Change(() => Signals.Add((signal, virtualPid)));
        if (signal is 2 or 9 or 15)
            ExitWith(0, signal);
        return Task.CompletedTask;
    }

    public Task<ExecStarted> ExecAsync(ExecRequest request, CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Running);
        CheckProgram(request.Args[0]);
        Execs.Add(request);
        if (!Pretend(request.Args, request.StandardInput, out byte[] stdout, out byte[] stderr, out ExitStatus? exit))
            (stdout, stderr, exit) = ([], [], new ExitStatus(0, 0));
        string id = $"x{_execs.Count}";
        _execs[id] = (stdout, stderr, exit!);
        return Task.FromResult(new ExecStarted(id, 40 + _execs.Count));
    }

    public Task<ExecOutput> ReadExecAsync(string execId, LogCursor from, TimeSpan wait, CancellationToken cancellationToken)
    {
        (byte[] stdout, byte[] stderr, ExitStatus exit) = _execs[execId];
        // Half of what is left at a time: the reader must put it together by the cursor.
        byte[] o = Half(stdout, from.Stdout), e = Half(stderr, from.Stderr);
        var next = new LogCursor(from.Stdout + o.Length, from.Stderr + e.Length);
        bool all = next.Stdout == stdout.Length && next.Stderr == stderr.Length && o.Length == 0 && e.Length == 0;
        return Task.FromResult(new ExecOutput(o, e, next, all ? exit : null));
    }

    public Task<ContainerStatus> GetStatusAsync(CancellationToken cancellationToken) => Task.FromResult(Status);

    public Task<IReadOnlyList<ProcessInfo>> GetProcessesAsync(CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Running);
        return Task.FromResult<IReadOnlyList<ProcessInfo>>(
        [
            new ProcessInfo
            {
                Pids = [4711, 1], Pidspace = 3, PackedPid = PackedPid.Pack(3, 1).Value, Comm = Status.Spec.Args[0], CommandLine = Status.Spec.Args, State = 'S',
                Threads = 5, User = 1000, ResidentBytes = 66L << 20, CpuSeconds = 1.25,
            },
            new ProcessInfo { Pids = [4720, 7], ParentVirtualPid = 1, Pidspace = 3, PackedPid = PackedPid.Pack(3, 7).Value, Comm = "child", State = 'Z', Threads = 1 },
        ]);
    }

    public async Task<ExitStatus?> WaitAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        if (Status.Phase == ContainerPhase.None)
            throw new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{name}'.");
        await ChangedAsync(() => Status.Exit is not null, wait, cancellationToken);
        return Status.Exit;
    }

    public Task<ContainerStats> GetStatsAsync(CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Running);
        return Task.FromResult(new ContainerStats
        {
            Name = name, CpuSeconds = 1.5, MemoryBytes = 66L << 20, MemoryLimitBytes = 512L << 20, Processes = 2, Threads = 6, ReceivedBytes = 1000, SentBytes = 2000,
        });
    }

    public async Task<LogChunk> ReadLogsAsync(LogCursor from, int maxBytes, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (Status.Phase == ContainerPhase.None)
            throw new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{name}'.");
        await ChangedAsync(() => _stdout.Length > from.Stdout || _stderr.Length > from.Stderr || Status.Phase == ContainerPhase.Exited, wait, cancellationToken);
        lock (_lock)
        {
            byte[] stdout = Slice(_stdout, from.Stdout, maxBytes), stderr = Slice(_stderr, from.Stderr, maxBytes);
            var next = new LogCursor(from.Stdout + stdout.Length, from.Stderr + stderr.Length);
            return new LogChunk(stdout, stderr, next, Status.Phase == ContainerPhase.Exited && next == new LogCursor(_stdout.Length, _stderr.Length));
        }
    }

    public Task<int> TranslatePidAsync(int pid, string fromContext, string toContext, CancellationToken cancellationToken) => (pid, fromContext, toContext) switch
    {
        (1, "", "host") => Task.FromResult(4711),
        (4711, "host", "") => Task.FromResult(1),
        (3, "inner", "") => Task.FromResult(19),
        _ => throw new ContainerException(ContainerErrorCode.NoSuchProcess, $"'{name}' has no process {pid} in that context; 'cg top {name}' lists them."),
    };

    public Task<CheckpointReport> CheckpointAsync(string? path, CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Running);
        string file = path ?? cluster.ImagePath(name);
        File.WriteAllBytes(file, Image);
        Change(() => Status = Status with { LastCheckpoint = file });
        return Task.FromResult(new CheckpointReport { Name = name, Host = Status.Host!, Path = file, Bytes = Image.Length, FrozenMs = 84.5, TotalMs = 120, Processes = 2, Rounds = 3 });
    }

    public Task<ContainerStatus> RestoreAsync(string? path, string? host, CancellationToken cancellationToken)
    {
        Need(ContainerPhase.Exited, ContainerPhase.Suspended);
        Change(() => Status = Status with { Phase = ContainerPhase.Running, Host = host ?? Status.Host, Exit = null, InitPid = 5000, Warnings = [.. Warnings] });
        return Task.FromResult(Status);
    }

    public async Task<CheckpointReport> SuspendAsync(string? path, CancellationToken cancellationToken)
    {
        CheckpointReport report = await CheckpointAsync(path, cancellationToken);
        Change(() => Status = Status with { Phase = ContainerPhase.Suspended, InitPid = 0, Pidspace = 0 });
        return report;
    }

    public Task<ContainerStatus> ResumeAsync(ContainerSpec spec, string path, string host, CancellationToken cancellationToken)
    {
        if (Status.Phase == ContainerPhase.Running)
            throw new ContainerException(ContainerErrorCode.WrongPhase, $"'{name}' runs on {Status.Host} already; stop it first.");
        Resumed = File.ReadAllBytes(path);
        Change(() => Status = new ContainerStatus
        {
            Name = name, Phase = ContainerPhase.Running, Host = host, Generation = Status.Generation + 1, CreatedAt = DateTimeOffset.UtcNow, Spec = spec, InitPid = 6000, Pidspace = 9, Warnings = [.. Warnings],
        });
        return Task.FromResult(Status);
    }

    public async Task<MigrationStarted> MigrateAsync(string? targetHost, MigrateOptions options, CancellationToken cancellationToken)
    {
        if (_migration is { Task.IsCompleted: false })
            throw new ContainerException(ContainerErrorCode.AlreadyMoving, $"'{name}' is moving already; wait for its end.");
        Need(ContainerPhase.Running);
        string to = targetHost ?? cluster.Hosts.First(h => h != Status.Host);
        await cluster.RequireOpenAsync(to, cancellationToken);
        var report = new MigrationReport
        {
            Name = name, MigrationId = "m1", From = Status.Host!, To = to, Generation = Status.Generation + 1, FreezeMs = 12.5, TotalMs = 310, Bytes = 70_000_000,
            FinalPages = 42, Rounds = [new(1, 17000, 69_000_000, 80.5), new(2, 200, 819_200, 3)], TraceId = "0af7651916cd43dd8448eb211c80319c", DryRun = options.DryRun,
            Obstacles = [.. Obstacles], Warnings = [.. Warnings], FreezeSpansMs = new Dictionary<string, double> { ["dump"] = 3.5 },
        };
        if (options.DryRun)
            return new MigrationStarted("m1", report.From, to, report);
        if (Obstacles.Count > 0)
            throw new ContainerException(ContainerErrorCode.NotCarried, $"'{name}' cannot move: {Obstacles[0]}");
        Tell(report, "rounds");
        _migration = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _report = report;
        Change(() => MoveOptions = options);
        if (!HoldMove)
            EndMove();
        return new MigrationStarted("m1", report.From, to, null);
    }

    public async Task<MigrationReport?> GetMigrationAsync(string migrationId, CancellationToken cancellationToken)
    {
        if (migrationId != "m1" || _migration is null || ForgetMove)
            return null;
        await _migration.Task.WaitAsync(cancellationToken);
        return _report;
    }

    public Task<bool> CancelMigrationAsync(string migrationId, CancellationToken cancellationToken)
    {
        if (MoveCommitted || _migration is null or { Task.IsCompleted: true })
            return Task.FromResult(false);
        EndMove($"The move of '{name}' was cancelled; it runs on where it was.", ContainerErrorCode.Cancelled);
        return Task.FromResult(true);
    }

    public Task DeleteAsync(bool force, CancellationToken cancellationToken)
    {
        if (Status.Phase == ContainerPhase.None)
            throw new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{name}'; 'cg ps -a' lists them.");
        if (Status.Phase == ContainerPhase.Running && !force)
            throw new ContainerException(ContainerErrorCode.WrongPhase, $"'{name}' runs on {Status.Host}; stop it first, or remove it with -f.");
        Change(() => Status = new ContainerStatus { Name = name, Spec = Status.Spec });
        return Task.CompletedTask;
    }

    /// <summary>Ends a held move.</summary>
    public void EndMove(string? error = null, ContainerErrorCode? code = null)
    {
        _report = _report! with { Error = error, ErrorCode = code };
        if (error is null)
            Change(() => Status = Status with { Host = _report.To, Generation = _report.Generation, InitPid = 8000 });
        Tell(_report, error is null ? "done" : "failed");
        _migration!.TrySetResult();
    }

    /// <summary>Completes when the condition holds; the caller's test bounds it.</summary>
    public Task UntilAsync(Func<bool> condition) => ChangedAsync(condition, TimeSpan.FromSeconds(20), default);

    private void Tell(MigrationReport report, string stage)
    {
        lock (cluster.Progress)
        {
            cluster.Progress.RemoveAll(p => p.MigrationId == report.MigrationId);
            cluster.Progress.Add(new MigrationProgress
            {
                MigrationId = report.MigrationId, Name = name, From = report.From, To = report.To, Stage = stage, Rounds = report.Rounds, BytesSent = report.Bytes,
                EtaMs = 1500, PredictedFreezeMs = 12.5,
            });
        }
    }

    private void Need(params ContainerPhase[] phases)
    {
        if (Failure is not null)
            throw Failure;
        if (Status.Phase == ContainerPhase.None)
            throw new ContainerException(ContainerErrorCode.NotFound, $"There is no container '{name}'; 'cg ps -a' lists them.");
        if (!phases.Contains(Status.Phase))
            throw new ContainerException(ContainerErrorCode.WrongPhase, $"'{name}' is {Status.Phase.ToString().ToLowerInvariant()}; 'cg inspect {name}' shows it.");
    }

    private void CheckProgram(string program)
    {
        if (program.Contains('/'))
            throw new ContainerException(ContainerErrorCode.ProgramNotExecutable, $"'{program}' cannot be executed in '{name}'; chmod +x it.");
        if (!cluster.Programs.Contains(program))
            throw new ContainerException(ContainerErrorCode.ProgramNotFound, $"There is no program '{program}' in '{name}'; check the spelling and --rootfs.");
    }

    private static bool Pretend(IReadOnlyList<string> args, byte[] input, out byte[] stdout, out byte[] stderr, out ExitStatus? exit)
    {
        (stdout, stderr, exit) = ([], [], null);
        switch (args)
        {
            case ["echo", ..]:
                stdout = Encoding.UTF8.GetBytes(string.Join(' ', args.Skip(1)) + "\n");
                exit = new ExitStatus(0, 0);
                break;
            case ["sh", "-c", var script] when script.StartsWith("exit ", StringComparison.Ordinal):
                stderr = "leaving\n"u8.ToArray();
                exit = new ExitStatus(int.Parse(script[5..], System.Globalization.CultureInfo.InvariantCulture), 0);
                break;
            case ["cat"]:
                stdout = input;
                exit = new ExitStatus(0, 0);
                break;
            case ["true"]:
                exit = new ExitStatus(0, 0);
                break;
        }
        return exit is not null;
    }

    private void Change(Action change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            change();
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        changed.SetResult();
    }

    private async Task ChangedAsync(Func<bool> condition, TimeSpan wait, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(wait);
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (condition())
                    return;
                changed = _changed.Task;
            }
            try
            {
                await changed.WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static byte[] Half(byte[] bytes, long from) => bytes[(int)from..Math.Min(bytes.Length, (int)(from + Math.Max(1, (bytes.Length - from) / 2)))];

    private static byte[] Slice(MemoryStream stream, long from, int max) => stream.ToArray()[(int)from..(int)Math.Min(stream.Length, from + max)];
}

internal static class PairOfStreams
{
    public static void CopyFrom(this (MemoryStream Stdout, MemoryStream Stderr) streams, byte[] stdout, byte[] stderr)
    {
        streams.Stdout.Write(stdout);
        streams.Stderr.Write(stderr);
    }
}
