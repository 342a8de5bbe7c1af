namespace ContainerGrains.Api;

/// <summary>One process of a container.</summary>
public sealed record ApiProcess
{
    /// <summary>Its pid on every level, from the host inwards: the first is the real pid, the last the innermost virtual one.</summary>
    public required IReadOnlyList<int> Pids { get; init; }
    public int RealPid { get; init; }
    public int VirtualPid { get; init; }
    /// <summary>The parent's virtual pid; 0 when the parent is outside.</summary>
    public int ParentVirtualPid { get; init; }
    public int Pidspace { get; init; }
    /// <summary>pidspace &lt;&lt; 23 | virtual pid; null when the pidspace is above 511.</summary>
    public uint? PackedPid { get; init; }
    public string Comm { get; init; } = "";
    public IReadOnlyList<string> CommandLine { get; init; } = [];
    /// <summary>The letter of /proc/PID/stat: R, S, D, T, t, Z …</summary>
    public string State { get; init; } = "";
    public int Threads { get; init; }
    public int User { get; init; }
    public long ResidentBytes { get; init; }
    public double CpuSeconds { get; init; }
}
