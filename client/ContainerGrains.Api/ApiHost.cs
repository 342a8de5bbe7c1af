namespace ContainerGrains.Api;

/// <summary>A host of the cluster.</summary>
public sealed record ApiHost
{
    public required string Name { get; init; }
    /// <summary>Active, ShuttingDown, Dead … as the cluster's membership says.</summary>
    public required string State { get; init; }
    public string SiloAddress { get; init; } = "";
    /// <summary>host:port of its data channel.</summary>
    public string DataAddress { get; init; } = "";
    public int Cpus { get; init; }
    public long MemoryBytes { get; init; }
    public long MemoryAvailableBytes { get; init; }
    public int Containers { get; init; }
    /// <summary>It takes no containers until it is uncordoned; those that are there run on.</summary>
    public bool Cordoned { get; init; }
    public string Kernel { get; init; } = "";
    public string Version { get; init; } = "";
    public required ApiHostFeatures Features { get; init; }
}

/// <summary>Whether a host takes containers now, and whether that was changed by the call.</summary>
public sealed record ApiCordon(string Host, bool Cordoned, bool Changed);

/// <summary>What a host's CPU and kernel offer; compared before a move.</summary>
public sealed record ApiHostFeatures
{
    public IReadOnlyList<string> Kernel { get; init; } = [];
    public IReadOnlyList<string> CpuFlags { get; init; } = [];
    public string VdsoDigest { get; init; } = "";
    /// <summary>The processor states that XSAVE holds, in hexadecimal.</summary>
    public string Xcr0 { get; init; } = "";
}

/// <summary>Whether a host can do a thing, and what to do if not.</summary>
public sealed record ApiCheck(string Name, bool Ok, bool Required, string Detail, string Remedy);

/// <summary>What a host is checked for.</summary>
public sealed record ApiCheckReport(string Host, bool Ok, IReadOnlyList<ApiCheck> Checks);

/// <summary>The silo that answers.</summary>
public sealed record ApiVersion(string Version, string Host, string Runtime, string Api)
{
    /// <summary>The version of this contract; the first segment of every path.</summary>
    public const string Current = "v1";
}
