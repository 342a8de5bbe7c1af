using System.Buffers.Binary;
using System.Diagnostics;

namespace ContainerGrains.Benchmarks.Starts;

/// <summary>
/// The smallest program that can tell when it began: static, 180 bytes, no shell and no libc. Its first instructions ask
/// CLOCK_MONOTONIC, which is the clock of <see cref="Stopwatch"/> and the same in every container; then it writes the struct
/// timespec to its standard output and ends.
/// </summary>
internal static class FirstInstruction
{
    public const string Name = "first-instruction";
    private const int HeaderLength = 64, SegmentLength = 56;
    private const ulong Base = 0x400000;
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private static ReadOnlySpan<byte> Code =>
    [
        0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
        0xbf, 1, 0, 0, 0, // mov edi, CLOCK_MONOTONIC
        0x48, 0x8d, 0x74, 0x24, 0xc0, // lea rsi, [rsp-64]
        0x0f, 0x05, // syscall
        0xb8, 1, 0, 0, 0, // mov eax, SYS_write
        0xbf, 1, 0, 0, 0, // mov edi, 1
        0x48, 0x8d, 0x74, 0x24, 0xc0, // lea rsi, [rsp-64]
        0xba, 16, 0, 0, 0, // mov edx, sizeof(struct timespec)
        0x0f, 0x05, // syscall
        0xb8, 60, 0, 0, 0, // mov eax, SYS_exit
        0x31, 0xff, // xor edi, edi
        0x0f, 0x05, // syscall
    ];

    public static void WriteTo(string path)
    {
        File.WriteAllBytes(path, Image());
        File.SetUnixFileMode(path, Executable);
    }

    /// <summary>ms from <paramref name="call"/>, a Stopwatch timestamp, to what the program wrote.</summary>
    /// <exception cref="InvalidDataException">It is not what the program writes, or not of this time.</exception>
    public static double MsSince(long call, ReadOnlySpan<byte> written)
    {
        if (written.Length != 16) throw new InvalidDataException($"the program wrote {written.Length} bytes and not a timespec");
        long ns = BinaryPrimitives.ReadInt64LittleEndian(written) * 1_000_000_000 + BinaryPrimitives.ReadInt64LittleEndian(written[8..]);
        long began = (long)(ns * (Stopwatch.Frequency / 1e9));
        if (began < call || began > Stopwatch.GetTimestamp()) throw new InvalidDataException("the program's clock is not ours");
        return Stopwatch.GetElapsedTime(call, began).TotalMilliseconds;
    }

    // One ELF header, one segment (readable, executable) that maps the whole file.
    private static byte[] Image()
    {
        byte[] image = new byte[HeaderLength + SegmentLength + Code.Length];
        Span<byte> header = image;
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2); // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62); // EM_X86_64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], Base + HeaderLength + SegmentLength); // e_entry
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderLength); // e_phoff
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 1); // e_phnum
        Span<byte> segment = header[HeaderLength..];
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1); // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], 5); // PF_R | PF_X
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], Base); // p_vaddr
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], Base); // p_paddr
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], (ulong)image.Length); // p_filesz
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], (ulong)image.Length); // p_memsz
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], 0x1000); // p_align
        Code.CopyTo(segment[SegmentLength..]);
        return image;
    }
}
