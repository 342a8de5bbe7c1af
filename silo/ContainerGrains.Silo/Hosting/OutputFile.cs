namespace ContainerGrains.Silo;

/// <summary>Reads output files that only grow.</summary>
internal static class OutputFile
{
    /// <summary>At most <paramref name="maxBytes"/> from <paramref name="offset"/>; empty when there is no more, or no such file.</summary>
    public static byte[] Read(string path, long offset, int maxBytes)
    {
        if (maxBytes <= 0 || offset < 0)
            return [];
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            long available = RandomAccess.GetLength(file) - offset;
            if (available <= 0)
                return [];
            byte[] bytes = new byte[Math.Min(available, maxBytes)];
            int read = RandomAccess.Read(file, bytes, offset);
            return read == bytes.Length ? bytes : bytes[..read];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
    }
}
