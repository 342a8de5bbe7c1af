using System.Buffers.Binary;

namespace ContainerGrains.Silo;

/// <summary>Network frames as one payload: a length before each.</summary>
internal static class HeldFrames
{
    private const int MaxFrames = 65536;

    public static byte[] Pack(IReadOnlyList<byte[]> frames)
    {
        byte[] packed = new byte[frames.Sum(f => 4 + f.Length)];
        int at = 0;
        foreach (byte[] frame in frames)
        {
            BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(at), frame.Length);
            frame.CopyTo(packed, at + 4);
            at += 4 + frame.Length;
        }
        return packed;
    }

    public static IReadOnlyList<byte[]> Unpack(ReadOnlySpan<byte> packed)
    {
        var frames = new List<byte[]>();
        while (packed.Length > 0)
        {
            int length = packed.Length >= 4 ? BinaryPrimitives.ReadInt32LittleEndian(packed) : -1;
            if (length < 0 || length > packed.Length - 4 || frames.Count >= MaxFrames)
                throw new IOException("the held frames are damaged");
            frames.Add(packed.Slice(4, length).ToArray());
            packed = packed[(4 + length)..];
        }
        return frames;
    }
}
