using System.Runtime.InteropServices;
using System.Text;

namespace ContainerGrains.Linux.Net;

/// <summary>Calls of bpf(2).</summary>
internal static unsafe class Bpf
{
    public const int BPF_PROG_TYPE_SOCKET_FILTER = 1, BPF_PROG_TYPE_SCHED_CLS = 3;
    private const int BPF_MAP_CREATE = 0, BPF_MAP_UPDATE_ELEM = 2, BPF_PROG_LOAD = 5, BPF_MAP_TYPE_ARRAY = 2;

    /// <summary>An array of 32-bit values, all 0.</summary>
    /// <exception cref="LinuxException">EPERM: no CAP_BPF.</exception>
    public static FileDescriptor CreateArray(int entries)
    {
        uint* attr = stackalloc uint[18];
        new Span<uint>(attr, 18).Clear();
        attr[0] = BPF_MAP_TYPE_ARRAY;
        attr[1] = 4; // key_size
        attr[2] = 4; // value_size
        attr[3] = (uint)entries;
        return new FileDescriptor(Kernel.Call("bpf(BPF_MAP_CREATE)", Syscall.bpf, BPF_MAP_CREATE, (long)attr, 72));
    }

    public static void Update(FileDescriptor array, uint key, uint value)
    {
        var attr = new MapElementAttr { map_fd = array.Number, key = (ulong)&key, value = (ulong)&value };
        Kernel.Call("bpf(BPF_MAP_UPDATE_ELEM)", Syscall.bpf, BPF_MAP_UPDATE_ELEM, (long)(&attr), sizeof(MapElementAttr));
    }

    public static FileDescriptor Load(int type, ReadOnlySpan<ulong> instructions)
    {
        fixed (ulong* code = instructions)
        fixed (byte* license = "Dual MIT/GPL\0"u8)
        {
            var attr = new ProgramAttr { prog_type = (uint)type, insn_cnt = (uint)instructions.Length, insns = (ulong)code, license = (ulong)license };
            long fd = Kernel.Raw(Syscall.bpf, BPF_PROG_LOAD, (long)(&attr), sizeof(ProgramAttr));
            return fd >= 0 ? new FileDescriptor(fd) : throw new LinuxException("bpf(BPF_PROG_LOAD)", (int)-fd, path: VerifierWords(attr));
        }
    }

    // The verifier speaks only when asked, and asking costs time.
    private static string VerifierWords(ProgramAttr attr)
    {
        byte[] log = new byte[16384];
        fixed (byte* p = log)
        {
            attr.log_level = 1;
            attr.log_size = (uint)log.Length;
            attr.log_buf = (ulong)p;
            long fd = Kernel.Raw(Syscall.bpf, BPF_PROG_LOAD, (long)(&attr), sizeof(ProgramAttr));
            if (fd >= 0) new FileDescriptor(fd).Dispose();
        }
        return Encoding.UTF8.GetString(log.AsSpan().TrimEnd((byte)0)).Trim();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MapElementAttr
    {
        public int map_fd;
        private readonly int _pad;
        public ulong key, value, flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramAttr
    {
        public uint prog_type, insn_cnt;
        public ulong insns, license;
        public uint log_level, log_size;
        public ulong log_buf;
        public uint kern_version, prog_flags;
    }
}
