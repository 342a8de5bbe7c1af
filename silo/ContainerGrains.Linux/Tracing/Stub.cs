namespace ContainerGrains.Linux;

/// <summary>
/// The few injected bytes of a puppet: one mapping (read, write, execute) with a loop that runs a vector of system calls, the
/// vector, and scratch space for arguments.
/// </summary>
public static class Stub
{
    /// <summary>Bytes of the mapping.</summary>
    public const long Size = 0x60000;
    /// <summary>Where puppets keep it while no layout says otherwise.</summary>
    public static readonly RemoteAddress DefaultAddress = new(0x200000);

    /// <summary>Offset of the loop's entry: r15 = vector, r14 = count; ends with int3 after the last or the first failed call.</summary>
    public const long LoopOffset = 0;
    /// <summary>Offset of a bare <c>syscall</c> instruction.</summary>
    public const long SyscallOffset = 0x80;
    public const long VectorOffset = 0x1000;
    public const int MaxBatch = 1024;
    public const long ScratchOffset = VectorOffset + MaxBatch * 64;
    public const long ScratchSize = Size - ScratchOffset;

    /// <summary>Machine code of the page at offset 0 (x86-64).</summary>
    public static byte[] Code()
    {
        byte[] page = new byte[Kernel.PageSize];
        ReadOnlySpan<byte> loop =
        [
            0x4d, 0x85, 0xf6,             // 00 loop: test r14, r14
            0x74, 0x35,                   // 03 jz done (0x3a)
            0x49, 0x8b, 0x07,             // 05 mov rax, [r15]
            0x49, 0x8b, 0x7f, 0x08,       // 08 mov rdi, [r15+8]
            0x49, 0x8b, 0x77, 0x10,       // 0c mov rsi, [r15+16]
            0x49, 0x8b, 0x57, 0x18,       // 10 mov rdx, [r15+24]
            0x4d, 0x8b, 0x57, 0x20,       // 14 mov r10, [r15+32]
            0x4d, 0x8b, 0x47, 0x28,       // 18 mov r8, [r15+40]
            0x4d, 0x8b, 0x4f, 0x30,       // 1c mov r9, [r15+48]
            0x0f, 0x05,                   // 20 syscall
            0x49, 0x89, 0x47, 0x38,       // 22 mov [r15+56], rax
            0x49, 0x83, 0xc7, 0x40,       // 26 add r15, 64
            0x49, 0xff, 0xce,             // 2a dec r14
            0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, // 2d cmp rax, -4095
            0x72, 0xcb,                   // 33 jb loop (unsigned: an error is above)
            0x4d, 0x85, 0xed,             // 35 test r13, r13: go on after errors?
            0x75, 0xc6,                   // 38 jnz loop
            0xcc,                         // 3a done: int3
        ];
        loop.CopyTo(page);
        page[SyscallOffset] = 0x0f;
        page[SyscallOffset + 1] = 0x05;
        page[SyscallOffset + 2] = 0xcc;
        return page;
    }
}
