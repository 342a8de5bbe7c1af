using ContainerGrains.Linux;

namespace ContainerGrains.Engine;

/// <summary>Finds a <c>syscall</c> instruction in a process's vdso (vdso(7)): calls are stepped there without writing anything into it.</summary>
internal static class VdsoCode
{
    private static readonly byte[] Instruction = [0x0f, 0x05];

    public static RemoteAddress FindSyscall(int pid, IEnumerable<MapEntry> maps)
    {
        MapEntry vdso = maps.FirstOrDefault(m => m.Path == "[vdso]")
            ?? throw new EngineException(EngineError.NotCarried, "dump", $"process {pid} has no vdso; a program that unmaps it is not carried");
        return FindSyscall(pid, vdso.Start, vdso.End);
    }

    public static RemoteAddress FindSyscall(int pid, ulong start, ulong end)
    {
        byte[] code = new byte[end - start];
        RemoteMemory.Read(pid, new RemoteAddress(start), code);
        int at = code.AsSpan().IndexOf(Instruction);
        return at >= 0 ? new RemoteAddress(start + (ulong)at) : throw new EngineException(EngineError.FeatureMissing, "vdso", "this kernel's vdso has no syscall instruction");
    }
}
