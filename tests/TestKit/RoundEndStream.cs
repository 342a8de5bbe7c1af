using System.Buffers.Binary;
using ContainerGrains.Engine;

namespace ContainerGrains.TestKit;

/// <summary>A wire that tells of each round's end, just before its frame goes out.</summary>
public sealed class RoundEndStream(Stream inner, Action atRoundEnd) : WireEnd(inner)
{
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length == ImageWriter.HeaderLength && BinaryPrimitives.ReadUInt32LittleEndian(buffer) == ImageWriter.Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(buffer[4..]) == (uint)FrameType.RoundEnd)
            atRoundEnd();
        base.Write(buffer);
    }
}
