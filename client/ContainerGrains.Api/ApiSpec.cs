namespace ContainerGrains.Api;

/// <summary>What a container is to be.</summary>
public sealed record ApiSpec
{
    /// <summary>Program and arguments.</summary>
    public required IReadOnlyList<string> Args { get; init; }
    /// <summary>Directory on the host that becomes the read-only lower layer; "/" is the host's own root.</summary>
    public string Rootfs { get; init; } = "/";
    /// <summary>"KEY=VALUE" each.</summary>
    public IReadOnlyList<string> Env { get; init; } = [];
    public string WorkingDirectory { get; init; } = "/";
    /// <summary>"uid", "uid:gid", "name" or "name:group".</summary>
    public string User { get; init; } = "0";
    /// <summary>Host name inside; default the container's name.</summary>
    public string? Hostname { get; init; }
    public IReadOnlyList<ApiVolume> Volumes { get; init; } = [];
    public ApiLimits Limits { get; init; } = new();
    /// <summary>Host to start on; null lets the cluster choose.</summary>
    public string? Host { get; init; }
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    /// <summary>The signal that stop sends first.</summary>
    public int StopSignal { get; init; } = 15;
    /// <summary>Whether the container is removed when it has exited.</summary>
    public bool RemoveOnExit { get; init; }
}

/// <summary>A bind mount: a host directory or file at a path inside.</summary>
public sealed record ApiVolume(string Source, string Target, bool ReadOnly);

/// <summary>Limits of the container's cgroup; null is no limit.</summary>
public sealed record ApiLimits
{
    public long? MemoryBytes { get; init; }
    /// <summary>1.5 for one and a half.</summary>
    public double? Cpus { get; init; }
    public int? Pids { get; init; }
}
