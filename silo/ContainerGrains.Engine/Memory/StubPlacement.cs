using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Finds room for the stub in an address space.</summary>
internal static class StubPlacement
{
    private static readonly ulong[] Candidates = [Stub.DefaultAddress.Value, 0x10000000, 0x7000_0000, 0x1000_0000_0000, 0x2000_0000_0000, 0x3000_0000_0000, 0x6000_0000_0000];

    /// <param name="taken">Ranges that are mapped, or are to be.</param>
    public static RemoteAddress Choose(IEnumerable<(ulong Start, ulong End)> taken)
    {
        (ulong Start, ulong End)[] ranges = [.. taken];
        foreach (ulong candidate in Candidates)
            if (!ranges.Any(r => r.Start < candidate + (ulong)Stub.Size && r.End > candidate)) return new RemoteAddress(candidate);
        throw new EngineException(EngineError.Internal, "stub", $"none of {Candidates.Length} places for {Stub.Size} bytes is free in the address space");
    }
}
