using System.Runtime.InteropServices;

namespace ContainerGrains.Linux;

/// <summary>One system call of a batch: number, six arguments, and after the run its result (64 bytes, the stub's layout).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RemoteCall(long number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0)
{
    public long Number = number, A0 = a0, A1 = a1, A2 = a2, A3 = a3, A4 = a4, A5 = a5;
    /// <summary>Result, or -errno; <see cref="NotRun"/> when an earlier call failed.</summary>
    public long Result = NotRun;

    public const long NotRun = long.MinValue;
}
