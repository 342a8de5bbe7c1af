namespace ContainerGrains;

/// <summary>A host of the cluster.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.HostInfo")]
public sealed record HostInfo
{
    /// <summary>Stable name, host-a for example; not the silo's address.</summary>
    [Id(0)] public required string Name { get; init; }
    /// <summary>Active, ShuttingDown, Dead … as the cluster's membership says.</summary>
    [Id(1)] public required string State { get; init; }
    [Id(2)] public string SiloAddress { get; init; } = "";
    /// <summary>host:port of its data channel.</summary>
    [Id(3)] public string DataAddress { get; init; } = "";
    [Id(4)] public int Cpus { get; init; }
    [Id(5)] public long MemoryBytes { get; init; }
    [Id(6)] public long MemoryAvailableBytes { get; init; }
    [Id(7)] public int Containers { get; init; }
    [Id(8)] public string Kernel { get; init; } = "";
    [Id(9)] public HostFeatures Features { get; init; } = new();
    [Id(10)] public string Version { get; init; } = "";
    /// <summary>It takes no containers until it is uncordoned; those that are there run on.</summary>
    [Id(11)] public bool Cordoned { get; init; }
}

/// <summary>What a host's CPU and kernel offer; compared before a move.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.HostFeatures")]
public sealed record HostFeatures
{
    /// <summary>Flags of /proc/cpuinfo.</summary>
    [Id(0)] public IReadOnlyList<string> CpuFlags { get; init; } = [];
    /// <summary>Kernel features by name: pagemap_scan, uffd_wp_async, set_tid, anon_vma_name …</summary>
    [Id(1)] public IReadOnlyList<string> Kernel { get; init; } = [];
    /// <summary>Digest of the vdso's bytes; a process carries addresses into it.</summary>
    [Id(2)] public string VdsoDigest { get; init; } = "";
    /// <summary>XCR0: the processor states that XSAVE holds.</summary>
    [Id(3)] public ulong Xcr0 { get; init; }
}

/// <summary>A line of <c>cg check</c>: whether this host can do a thing, and what to do if not.</summary>
[GenerateSerializer, Immutable, Alias("ContainerGrains.HostCheck")]
public sealed record HostCheck(
    [property: Id(0)] string Name, [property: Id(1)] bool Ok, [property: Id(2)] bool Required, [property: Id(3)] string Detail, [property: Id(4)] string Remedy);
