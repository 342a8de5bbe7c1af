namespace ContainerGrains.TestKit;

/// <summary>A wire that is cut when so many bytes have passed.</summary>
public sealed class CutStream(Stream inner, long bytes, Action cut) : WireEnd(inner)
{
    private long _left = bytes;

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_left < buffer.Length)
        {
            base.Write(buffer[..(int)Math.Max(_left, 0)]);
            cut();
        }
        _left -= buffer.Length;
        base.Write(buffer);
    }
}
