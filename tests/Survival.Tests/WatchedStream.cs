namespace ContainerGrains.Survival.Tests;

/// <summary>A file that somebody looks at: told, before each write, how many bytes there are.</summary>
internal sealed class WatchedStream(Action<long> beforeWrite) : MemoryStream
{
    /// <summary>Of the image's last frame.</summary>
    public FrameType LastType
    {
        get
        {
            using var reader = new ImageReader(new MemoryStream(ToArray()));
            while (reader.Bytes < Length) reader.Read();
            return reader.Type;
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        beforeWrite(Length);
        base.Write(buffer);
    }
}
