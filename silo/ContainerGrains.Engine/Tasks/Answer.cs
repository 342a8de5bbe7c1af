using System.Runtime.InteropServices;
using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>What a <see cref="Question"/> got.</summary>
/// <param name="Result">The call's result, or -errno.</param>
public readonly record struct Answer(long Result, ReadOnlyMemory<byte> Memory)
{
    /// <exception cref="LinuxException">The call failed.</exception>
    public T As<T>(string call) where T : unmanaged
    {
        Linux.Result.Check(Result, call);
        return MemoryMarshal.Read<T>(Memory.Span);
    }

    /// <exception cref="LinuxException">The call failed.</exception>
    public long Value(string call) => Linux.Result.Check(Result, call);
}
