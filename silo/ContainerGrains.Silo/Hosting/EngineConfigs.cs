using ContainerGrains.Engine;

namespace ContainerGrains.Silo;

/// <summary>The cluster's words in the engine's, and back.</summary>
internal static class EngineConfigs
{
    public static ContainerConfig ToConfig(this ContainerSpec spec, string name, string address, string gateway, long generation) => new()
    {
        Name = name,
        Args = spec.Args,
        Rootfs = spec.Rootfs,
        Env = spec.Env,
        WorkingDirectory = spec.WorkingDirectory,
        User = spec.User,
        Hostname = spec.Hostname,
        Volumes = [.. spec.Volumes.Select(v => new VolumeConfig(v.Source, v.Target, v.ReadOnly))],
        MemoryBytes = spec.Limits.MemoryBytes,
        Cpus = spec.Limits.Cpus,
        Pids = spec.Limits.Pids,
        Address = address.Length == 0 ? null : address,
        Gateway = gateway.Length == 0 ? null : gateway,
        Generation = generation,
    };

    public static ExitStatus ToStatus(this ProcessExit exit) => new(exit.Code, exit.Signal);

    public static Obstacle ToObstacle(this CheckpointObstacle o) => new(o.VirtualPid, o.Process, o.Object, o.Reason, o.Remedy);

    public static ProcessInfo ToInfo(this ProcessEntry entry, int pidspace) => new()
    {
        Pids = entry.Pids,
        ParentVirtualPid = entry.ParentVirtualPid,
        Pidspace = pidspace,
        PackedPid = PackedPid.Fits(pidspace, entry.Pids[^1]) ? PackedPid.Pack(pidspace, entry.Pids[^1]).Value : null,
        Comm = entry.Comm,
        CommandLine = entry.CommandLine,
        State = entry.State,
        Threads = entry.Threads,
        User = entry.User,
        ResidentBytes = entry.ResidentBytes,
        CpuSeconds = entry.CpuSeconds,
    };
}
