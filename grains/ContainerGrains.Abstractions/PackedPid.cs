namespace ContainerGrains;

/// <summary>
/// The 2006 article's pid: the pidspace in the upper 9 bits, the pid in the lower 23. Pidspace 0 is the host; pidspaces
/// above 511 and pids of 2^23 and more have no packed form.
/// </summary>
public readonly record struct PackedPid(uint Value)
{
    public const int PidBits = 23;
    public const int MaxPidspace = 511;

    public int Pidspace => (int)(Value >> PidBits);
    public int Pid => (int)(Value & ((1u << PidBits) - 1));

    public static bool Fits(int pidspace, int pid) => pidspace is >= 0 and <= MaxPidspace && pid is >= 0 and < (1 << PidBits);

    /// <exception cref="ContainerException">NoPackedForm.</exception>
    public static PackedPid Pack(int pidspace, int pid) => Fits(pidspace, pid)
        ? new(((uint)pidspace << PidBits) | (uint)pid)
        : throw new ContainerException(ContainerErrorCode.NoPackedForm,
            $"pid {pid} of pidspace {pidspace} has no packed form (pidspaces up to {MaxPidspace}, pids below {1 << PidBits}); use translate with contexts instead.");
}
