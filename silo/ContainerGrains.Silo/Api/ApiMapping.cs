using ContainerGrains.Api;

namespace ContainerGrains.Silo.Api;

/// <summary>Grain contracts to API contracts and back.</summary>
internal static class ApiMapping
{
    public static ApiContainer ToApi(this ContainerStatus status, IReadOnlyList<ProcessInfo>? processes = null) => new()
    {
        Name = status.Name,
        Host = status.Host,
        State = status.Phase.ToString().ToLowerInvariant(),
        Address = status.Address,
        Pidspace = status.Pidspace,
        Generation = status.Generation,
        CreatedAt = status.CreatedAt,
        StartedAt = status.StartedAt,
        ExitCode = status.Exit?.ShellCode,
        ExitSignal = status.Exit is { Signal: not 0 } exit ? exit.Signal : null,
        InitPid = status.InitPid,
        MigrationId = status.MigrationId,
        LastCheckpoint = status.LastCheckpoint,
        Warnings = status.Warnings,
        Processes = processes is null ? null : [.. processes.Select(ToApi)],
        Spec = status.Spec.ToApi(),
    };

    public static ApiProcess ToApi(this ProcessInfo process) => new()
    {
        Pids = process.Pids,
        RealPid = process.Pid,
        VirtualPid = process.VirtualPid,
        ParentVirtualPid = process.ParentVirtualPid,
        Pidspace = process.Pidspace,
        PackedPid = process.PackedPid,
        Comm = process.Comm,
        CommandLine = process.CommandLine,
        State = process.State == '\0' ? "" : process.State.ToString(),
        Threads = process.Threads,
        User = process.User,
        ResidentBytes = process.ResidentBytes,
        CpuSeconds = process.CpuSeconds,
    };

    public static ApiSpec ToApi(this ContainerSpec spec) => new()
    {
        Args = spec.Args,
        Rootfs = spec.Rootfs,
        Env = spec.Env,
        WorkingDirectory = spec.WorkingDirectory,
        User = spec.User,
        Hostname = spec.Hostname,
        Volumes = [.. spec.Volumes.Select(v => new ApiVolume(v.Source, v.Target, v.ReadOnly))],
        Limits = new ApiLimits { MemoryBytes = spec.Limits.MemoryBytes, Cpus = spec.Limits.Cpus, Pids = spec.Limits.Pids },
        Host = spec.Host,
        Labels = spec.Labels,
        StopSignal = spec.StopSignal,
        RemoveOnExit = spec.RemoveOnExit,
    };

    /// <exception cref="ContainerException">InvalidSpec: no program.</exception>
    public static ContainerSpec ToSpec(this ApiSpec spec) => new()
    {
        Args = spec.Args is { Count: > 0 }
            ? spec.Args
            : throw new ContainerException(ContainerErrorCode.InvalidSpec, "There is no program to run: name one after the options, as in 'cg run -- sleep 60'."),
        Rootfs = spec.Rootfs,
        Env = spec.Env,
        WorkingDirectory = spec.WorkingDirectory,
        User = spec.User,
        Hostname = spec.Hostname,
        Volumes = [.. spec.Volumes.Select(v => new VolumeMount(v.Source, v.Target, v.ReadOnly))],
        Limits = new ResourceLimits { MemoryBytes = spec.Limits.MemoryBytes, Cpus = spec.Limits.Cpus, Pids = spec.Limits.Pids },
        Host = spec.Host,
        Labels = spec.Labels,
        StopSignal = spec.StopSignal,
        RemoveOnExit = spec.RemoveOnExit,
    };

    public static ApiExit ToApi(this ExitStatus exit) => new(exit.Code, exit.Signal, exit.ShellCode);

    public static ApiCursor ToApi(this LogCursor cursor) => new(cursor.Stdout, cursor.Stderr);

    public static ApiStats ToApi(this ContainerStats stats) => new()
    {
        Name = stats.Name,
        CpuSeconds = stats.CpuSeconds,
        MemoryBytes = stats.MemoryBytes,
        MemoryLimitBytes = stats.MemoryLimitBytes,
        Processes = stats.Processes,
        Threads = stats.Threads,
        ReceivedBytes = stats.ReceivedBytes,
        SentBytes = stats.SentBytes,
    };

    public static ApiHost ToApi(this HostInfo host) => new()
    {
        Name = host.Name,
        State = host.State,
        SiloAddress = host.SiloAddress,
        DataAddress = host.DataAddress,
        Cpus = host.Cpus,
        MemoryBytes = host.MemoryBytes,
        MemoryAvailableBytes = host.MemoryAvailableBytes,
        Containers = host.Containers,
        Cordoned = host.Cordoned,
        Kernel = host.Kernel,
        Version = host.Version,
        Features = new ApiHostFeatures
        {
            Kernel = host.Features.Kernel,
            CpuFlags = host.Features.CpuFlags,
            VdsoDigest = host.Features.VdsoDigest,
            Xcr0 = $"0x{host.Features.Xcr0:x}",
        },
    };

    public static ApiCheckpoint ToApi(this CheckpointReport report) => new()
    {
        Name = report.Name,
        Host = report.Host,
        Path = report.Path,
        Bytes = report.Bytes,
        FrozenMs = report.FrozenMs,
        TotalMs = report.TotalMs,
        Processes = report.Processes,
        Rounds = report.Rounds,
    };

    public static ApiMigration ToApi(this MigrationReport report) => new()
    {
        Name = report.Name,
        MigrationId = report.MigrationId,
        From = report.From,
        To = report.To,
        Generation = report.Generation,
        FreezeMs = report.FreezeMs,
        TotalMs = report.TotalMs,
        Rounds = [.. report.Rounds.Select(ToApi)],
        Bytes = report.Bytes,
        FinalPages = report.FinalPages,
        TraceId = report.TraceId,
        FreezeSpansMs = report.FreezeSpansMs,
        DryRun = report.DryRun,
        Obstacles = [.. report.Obstacles.Select(o => new ApiObstacle(o.VirtualPid, o.Process, o.Object, o.Reason, o.Remedy))],
        Warnings = report.Warnings,
    };

    public static ApiProgress ToApi(this MigrationProgress progress) => new()
    {
        MigrationId = progress.MigrationId,
        Name = progress.Name,
        From = progress.From,
        To = progress.To,
        Stage = progress.Stage,
        Rounds = [.. progress.Rounds.Select(ToApi)],
        BytesSent = progress.BytesSent,
        Error = progress.Error,
        EtaMs = progress.EtaMs,
        PredictedFreezeMs = progress.PredictedFreezeMs,
    };

    /// <param name="moves">Progress of the host's moves.</param>
    public static ApiDrain ToApi(this DrainReport report, IReadOnlyList<MigrationProgress> moves) => new()
    {
        Host = report.Host,
        State = Word(report.State.ToString()),
        Cancelled = report.Cancelled,
        StartedAt = report.State == DrainState.None ? null : report.StartedAt,
        EndedAt = report.EndedAt,
        Deadline = report.Deadline,
        Parallel = report.Parallel,
        Containers = [.. report.Containers.Select(c => c.ToApi(c.Step != DrainStep.Moving ? null : moves.LastOrDefault(m => m.Name == c.Name && m.Stage != "failed")))],
        Error = report.Error,
        TraceId = report.TraceId,
    };

    private static ApiDrainedContainer ToApi(this DrainedContainer container, MigrationProgress? move) => new()
    {
        Name = container.Name,
        State = Word(container.Step.ToString()),
        To = container.To,
        MigrationId = container.MigrationId,
        FreezeMs = container.FreezeMs,
        TotalMs = container.TotalMs,
        Attempts = container.Attempts,
        Reason = container.Reason,
        ErrorCode = container.ErrorCode?.ToString(),
        Progress = move?.ToApi(),
    };

    private static string Word(string value) => char.ToLowerInvariant(value[0]) + value[1..];

    private static ApiRound ToApi(MigrationRound round) => new(round.Round, round.DirtyPages, round.Bytes, round.Ms);
}
