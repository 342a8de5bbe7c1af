namespace ContainerGrains.Linux;

/// <summary>Reads and writes another process's memory (process_vm_readv(2), process_vm_writev(2)).</summary>
public static unsafe class RemoteMemory
{
    /// <summary>Reads exactly the span's length.</summary>
    /// <exception cref="LinuxException">EFAULT: not mapped or not readable, or only in part.</exception>
    public static void Read(int pid, RemoteAddress address, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            Iovec local = new(p, buffer.Length), remote = new(address.Value, buffer.Length);
            long got = Kernel.Call("process_vm_readv", Syscall.process_vm_readv, pid, (long)(&local), 1, (long)(&remote), 1, 0, pid);
            if (got != buffer.Length) throw new LinuxException("process_vm_readv", Errno.EFAULT, pid);
        }
    }

    public static T Read<T>(int pid, RemoteAddress address) where T : unmanaged
    {
        T value;
        Read(pid, address, new Span<byte>(&value, sizeof(T)));
        return value;
    }

    public static void Write(int pid, RemoteAddress address, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            Iovec local = new(p, buffer.Length), remote = new(address.Value, buffer.Length);
            long done = Kernel.Call("process_vm_writev", Syscall.process_vm_writev, pid, (long)(&local), 1, (long)(&remote), 1, 0, pid);
            if (done != buffer.Length) throw new LinuxException("process_vm_writev", Errno.EFAULT, pid);
        }
    }

    public static void Write<T>(int pid, RemoteAddress address, T value) where T : unmanaged =>
        Write(pid, address, new ReadOnlySpan<byte>(&value, sizeof(T)));

    /// <summary>Reads many ranges (1024 at most, IOV_MAX) one behind the other into a buffer; false when not all of it could be read.</summary>
    public static bool TryReadRanges(int pid, IReadOnlyList<(ulong Start, ulong End)> ranges, NativeBuffer buffer, int length) =>
        Transfer(Syscall.process_vm_readv, pid, ranges, buffer.Address, length) == length;

    /// <summary>Writes bytes over many ranges (1024 at most), in order.</summary>
    /// <exception cref="LinuxException">EFAULT: something of it is not mapped writable.</exception>
    public static void WriteRanges(int pid, IReadOnlyList<(ulong Start, ulong End)> ranges, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* p = bytes)
        {
            long done = Transfer(Syscall.process_vm_writev, pid, ranges, p, bytes.Length);
            if (done != bytes.Length) throw new LinuxException("process_vm_writev", done < 0 ? (int)-done : Errno.EFAULT, pid);
        }
    }

    /// <summary>Reads from a descriptor of /proc/PID/mem, which also reaches pages without PROT_READ; bytes read, or -errno.</summary>
    public static long TryReadFile(FileDescriptor memory, ulong address, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
            return Kernel.Raw(Syscall.pread64, memory.Number, (long)p, buffer.Length, (long)address);
    }

    /// <summary>Writes through a descriptor of /proc/PID/mem, which also reaches private pages without PROT_WRITE; bytes written, or -errno.</summary>
    public static long TryWriteFile(FileDescriptor memory, ulong address, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* p = bytes)
            return Kernel.Raw(Syscall.pwrite64, memory.Number, (long)p, bytes.Length, (long)address);
    }

    private static long Transfer(int number, int pid, IReadOnlyList<(ulong Start, ulong End)> ranges, byte* bytes, long length)
    {
        Iovec* remote = stackalloc Iovec[ranges.Count];
        for (int i = 0; i < ranges.Count; i++) remote[i] = new(ranges[i].Start, (long)(ranges[i].End - ranges[i].Start));
        Iovec local = new(bytes, length);
        return Kernel.Raw(number, pid, (long)(&local), 1, (long)remote, ranges.Count, 0);
    }
}
