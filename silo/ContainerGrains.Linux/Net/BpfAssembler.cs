namespace ContainerGrains.Linux.Net;

/// <summary>Writes eBPF instructions (linux/bpf.h) and resolves jumps forward to labels.</summary>
internal sealed class BpfAssembler
{
    public const int R0 = 0, R1 = 1, R2 = 2, R6 = 6, R7 = 7, R10 = 10;
    private const byte MovRegister = 0xbf, MovImmediate = 0xb7, AddImmediate = 0x07, LoadWord = 0x61, StoreWordImmediate = 0x62, LoadImmediate64 = 0x18, LoadAbsoluteByte = 0x30,
        CallHelper = 0x85, ExitProgram = 0x95, BPF_PSEUDO_MAP_FD = 1;
    private readonly List<ulong> _code = [];
    private readonly List<(int At, string Label)> _jumps = [];
    private readonly Dictionary<string, int> _labels = [];

    public enum Condition : byte { Equal = 0x15, NotEqual = 0x55, Greater = 0x25, Less = 0xa5 }

    public BpfAssembler Move(int to, int from) => Emit(MovRegister, to, from);
    public BpfAssembler Set(int register, int value) => Emit(MovImmediate, register, immediate: value);
    public BpfAssembler Add(int register, int value) => Emit(AddImmediate, register, immediate: value);
    public BpfAssembler Load32(int to, int from, short offset) => Emit(LoadWord, to, from, offset);
    public BpfAssembler Store32(int to, short offset, int value) => Emit(StoreWordImmediate, to, 0, offset, value);
    public BpfAssembler LoadMap(int register, FileDescriptor map) => Emit(LoadImmediate64, register, BPF_PSEUDO_MAP_FD, 0, map.Number).Emit(0);
    /// <summary>A byte of the frame to R0 (context in R6; R1-R5 are lost); past the frame's end the program ends with 0.</summary>
    public BpfAssembler LoadFrameByte(int offset) => Emit(LoadAbsoluteByte, immediate: offset);
    public BpfAssembler Call(int helper) => Emit(CallHelper, immediate: helper);
    public BpfAssembler Exit() => Emit(ExitProgram);

    public BpfAssembler JumpIf(int register, Condition condition, int value, string label)
    {
        _jumps.Add((_code.Count, label));
        return Emit((byte)condition, register, immediate: value);
    }

    public BpfAssembler Label(string label)
    {
        _labels.Add(label, _code.Count);
        return this;
    }

    public ulong[] ToArray()
    {
        ulong[] code = [.. _code];
        foreach ((int at, string label) in _jumps)
            code[at] |= (ulong)(ushort)(_labels[label] - at - 1) << 16;
        return code;
    }

    private BpfAssembler Emit(byte operation, int to = 0, int from = 0, short offset = 0, int immediate = 0)
    {
        _code.Add(operation | (ulong)(to | (from << 4)) << 8 | (ulong)(ushort)offset << 16 | (ulong)(uint)immediate << 32);
        return this;
    }
}
