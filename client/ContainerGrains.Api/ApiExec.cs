namespace ContainerGrains.Api;

/// <summary>A further process for a running container.</summary>
public sealed record ApiExecRequest
{
    public required IReadOnlyList<string> Args { get; init; }
    public IReadOnlyList<string> Env { get; init; } = [];
    /// <summary>Default the container's.</summary>
    public string? WorkingDirectory { get; init; }
    /// <summary>Default the container's.</summary>
    public string? User { get; init; }
    /// <summary>Base64: bytes the program reads as its standard input, then end of file. At most 1 MiB.</summary>
    public byte[] StandardInput { get; init; } = [];
}

public sealed record ApiExecStarted(string ExecId, int VirtualPid);

/// <summary>A place in the two output files, in bytes. Valid across moves: a broken stream goes on from the last one.</summary>
public sealed record ApiCursor(long Stdout, long Stderr);

/// <summary>
/// One line of an output stream: the bytes (base64), where the next read begins, and at the very end how it ended.
/// A line with an error is the last.
/// </summary>
public sealed record ApiOutput
{
    public byte[] Stdout { get; init; } = [];
    public byte[] Stderr { get; init; } = [];
    public ApiCursor Next { get; init; } = new(0, 0);
    /// <summary>Nothing will follow.</summary>
    public bool Ended { get; init; }
    /// <summary>Of an exec's last line.</summary>
    public ApiExit? Exit { get; init; }
    public ApiProblem? Error { get; init; }
}

/// <summary>How a process ended.</summary>
/// <param name="ShellCode">As a shell reports it: the code, or 128 + signal.</param>
public sealed record ApiExit(int Code, int Signal, int ShellCode);

/// <summary>Answer of a wait; exit is null when the time was over first.</summary>
public sealed record ApiWait(ApiExit? Exit);
