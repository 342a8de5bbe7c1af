namespace ContainerGrains.Linux;

/// <summary>Where a file has data: lseek(2) with SEEK_DATA and SEEK_HOLE. Moves the position of the description.</summary>
public static class SparseFiles
{
    private const int SEEK_DATA = 3, SEEK_HOLE = 4;

    /// <summary>Ranges with data, in order, each at most <paramref name="atMost"/> bytes long.</summary>
    public static IEnumerable<(long Offset, int Length)> Data(int fd, long size, int atMost)
    {
        for (long at = 0; at < size;)
        {
            long start = Kernel.Raw(Syscall.lseek, fd, at, SEEK_DATA);
            if (start == -Errno.ENXIO) yield break;
            Result.Check(start, "lseek(SEEK_DATA)");
            long end = Math.Min(Kernel.Call("lseek(SEEK_HOLE)", Syscall.lseek, fd, start, SEEK_HOLE), size);
            for (at = start; at < end;)
            {
                int length = (int)Math.Min(end - at, atMost);
                yield return (at, length);
                at += length;
            }
        }
    }
}
