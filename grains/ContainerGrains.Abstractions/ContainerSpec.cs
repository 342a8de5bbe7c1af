namespace ContainerGrains;

/// <summary>
/// What a container is to be. Immutable once created. Lists are kept as arrays: no serializer knows the types that the compiler makes of
/// <c>[a, b]</c>.
/// </summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ContainerSpec")]
public sealed record ContainerSpec
{
    /// <summary>Program and arguments; the program is looked up in the container's PATH when it has no slash.</summary>
    [Id(0)] public required IReadOnlyList<string> Args { get; init => field = value.ToArray(); }

    /// <summary>Directory on the host that becomes the read-only lower layer; "/" is the host's own root.</summary>
    [Id(1)] public string Rootfs { get; init; } = "/";

    /// <summary>Environment, "KEY=VALUE" each. PATH, HOME and HOSTNAME are set when absent.</summary>
    [Id(2)] public IReadOnlyList<string> Env { get; init => field = value.ToArray(); } = [];

    /// <summary>Working directory inside; created when missing, as podman does. Default "/".</summary>
    [Id(3)] public string WorkingDirectory { get; init; } = "/";

    /// <summary>"uid", "uid:gid", "name" or "name:group", looked up in the container's /etc/passwd. Default root.</summary>
    [Id(4)] public string User { get; init; } = "0";

    /// <summary>Host name inside; default the container's name.</summary>
    [Id(5)] public string? Hostname { get; init; }

    /// <summary>Directories of the host, bound into the container.</summary>
    [Id(6)] public IReadOnlyList<VolumeMount> Volumes { get; init => field = value.ToArray(); } = [];

    [Id(7)] public ResourceLimits Limits { get; init; } = new();

    /// <summary>Host to start on; null lets the cluster choose.</summary>
    [Id(8)] public string? Host { get; init; }

    /// <summary>Labels for callers; nothing reads them here.</summary>
    [Id(9)] public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Signal that stop sends first; default SIGTERM (15).</summary>
    [Id(10)] public int StopSignal { get; init; } = 15;

    /// <summary>Whether the record goes away when the container has exited (cg run --rm).</summary>
    [Id(11)] public bool RemoveOnExit { get; init; }
}

/// <summary>A bind mount: a host directory or file at a path inside.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.VolumeMount")]
public sealed record VolumeMount([property: Id(0)] string Source, [property: Id(1)] string Target, [property: Id(2)] bool ReadOnly);

/// <summary>Limits of the container's cgroup; null is no limit.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.ResourceLimits")]
public sealed record ResourceLimits
{
    [Id(0)] public long? MemoryBytes { get; init; }
    /// <summary>CPUs, 1.5 for one and a half.</summary>
    [Id(1)] public double? Cpus { get; init; }
    [Id(2)] public int? Pids { get; init; }
}
