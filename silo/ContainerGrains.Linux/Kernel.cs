using System.Runtime.CompilerServices;
using Tmds.Linux;

namespace ContainerGrains.Linux;

/// <summary>The one door to the kernel: a system call by number, with the kernel's own result (negative errno on error).</summary>
public static class Kernel
{
    /// <summary>Page size of x86-64, bytes.</summary>
    public const int PageSize = 4096;

    /// <summary>Returns the result or -errno; never throws, never retries.</summary>
    public static long Raw(int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0)
    {
        long result = FromArg(LibC.syscall(Arg(number), Arg(a0), Arg(a1), Arg(a2), Arg(a3), Arg(a4), Arg(a5)));
        return result == -1 ? -LibC.errno : result;
    }

    // syscall_arg is one machine word, whatever it was made from.
    private static syscall_arg Arg(long value) => Unsafe.BitCast<long, syscall_arg>(value);
    private static long FromArg(syscall_arg value) => Unsafe.BitCast<syscall_arg, long>(value);

    /// <summary>Calls, repeats on EINTR, and throws on any other error.</summary>
    /// <exception cref="LinuxException">The call's error.</exception>
    public static long Call(string name, int number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0, int? pid = null, string? path = null)
    {
        while (true)
        {
            long result = Raw(number, a0, a1, a2, a3, a4, a5);
            if (result != -Errno.EINTR)
                return Result.Check(result, name, pid, path);
        }
    }
}

/// <summary>Turns the kernel's negative results into exceptions, so that a call reads as one expression.</summary>
public static class Result
{
    /// <exception cref="LinuxException"><paramref name="result"/> is a negative errno.</exception>
    public static long Check(long result, string syscall, int? pid = null, string? path = null) =>
        result < 0 ? throw new LinuxException(syscall, (int)-result, pid, path) : result;
}
