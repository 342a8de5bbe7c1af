using System.Buffers.Binary;
using System.Text;

namespace ContainerGrains.Linux;

/// <summary>Names in a directory: getdents64(2).</summary>
public static unsafe class DirectoryEntries
{
    public const byte DT_UNKNOWN = 0, DT_FIFO = 1, DT_CHR = 2, DT_DIR = 4, DT_BLK = 6, DT_REG = 8, DT_LNK = 10, DT_SOCK = 12;

    /// <param name="Name">As UTF-8; a name that is none is told by <see cref="RawName"/>.</param>
    /// <param name="RawName">The kernel's bytes.</param>
    public sealed record Entry(string Name, byte[] RawName, byte Type, ulong Inode);

    /// <summary>All entries but "." and "..", from the beginning.</summary>
    public static IEnumerable<Entry> Read(int directory)
    {
        Kernel.Call("lseek", Syscall.lseek, directory, 0, 0);
        byte[] buffer = new byte[32768];
        while (true)
        {
            int length = Fill(directory, buffer);
            if (length == 0) yield break;
            for (int at = 0; at < length;)
            {
                // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name to the NUL.
                int size = BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(at + 16));
                ReadOnlySpan<byte> name = buffer.AsSpan(at + 19, size - 19);
                name = name[..name.IndexOf((byte)0)];
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                    yield return new Entry(Encoding.UTF8.GetString(name), name.ToArray(), buffer[at + 18], BinaryPrimitives.ReadUInt64LittleEndian(buffer.AsSpan(at)));
                at += size;
            }
        }
    }

    private static int Fill(int directory, byte[] buffer)
    {
        fixed (byte* p = buffer) return (int)Kernel.Call("getdents64", Syscall.getdents64, directory, (long)p, buffer.Length);
    }
}
