namespace ContainerGrains.Linux;

/// <summary>xattr(7) of a path whose last component is not followed; names and values are bytes.</summary>
public static unsafe class Xattrs
{
    public const int MaxNameBytes = 255, MaxValueBytes = 65536;

    /// <summary>Names without their NUL; empty where the file system has none.</summary>
    public static List<byte[]> List(ReadOnlySpan<byte> path)
    {
        byte[] buffer = new byte[1024];
        fixed (byte* p = Terminated(path))
        {
            while (true)
            {
                long length;
                fixed (byte* b = buffer) length = Kernel.Raw(Syscall.llistxattr, (long)p, (long)b, buffer.Length);
                if (length == -Errno.EOPNOTSUPP) return [];
                if (length == -Errno.ERANGE && buffer.Length < MaxValueBytes)
                {
                    buffer = new byte[MaxValueBytes];
                    continue;
                }
                return Split(buffer.AsSpan(0, (int)Result.Check(length, "llistxattr")));
            }
        }
    }

    /// <summary>Null when it is not there any more.</summary>
    public static byte[]? Get(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name)
    {
        byte[] buffer = new byte[256];
        fixed (byte* p = Terminated(path), n = Terminated(name))
        {
            while (true)
            {
                long length;
                fixed (byte* b = buffer) length = Kernel.Raw(Syscall.lgetxattr, (long)p, (long)n, (long)b, buffer.Length);
                if (length == -Errno.ENODATA) return null;
                if (length == -Errno.ERANGE && buffer.Length < MaxValueBytes)
                {
                    buffer = new byte[MaxValueBytes];
                    continue;
                }
                return buffer.AsSpan(0, (int)Result.Check(length, "lgetxattr")).ToArray();
            }
        }
    }

    /// <summary>0 or -errno.</summary>
    public static long TrySet(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* p = Terminated(path), n = Terminated(name), v = value) return Kernel.Raw(Syscall.lsetxattr, (long)p, (long)n, (long)v, value.Length, 0);
    }

    /// <summary>0 or -errno.</summary>
    public static long TryRemove(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name)
    {
        fixed (byte* p = Terminated(path), n = Terminated(name)) return Kernel.Raw(Syscall.lremovexattr, (long)p, (long)n);
    }

    private static List<byte[]> Split(ReadOnlySpan<byte> names)
    {
        var result = new List<byte[]>();
        while (names.Length > 0)
        {
            int end = names.IndexOf((byte)0);
            if (end < 0) end = names.Length;
            result.Add(names[..end].ToArray());
            names = names[Math.Min(end + 1, names.Length)..];
        }
        return result;
    }

    private static byte[] Terminated(ReadOnlySpan<byte> text)
    {
        byte[] bytes = new byte[text.Length + 1];
        text.CopyTo(bytes);
        return bytes;
    }
}
