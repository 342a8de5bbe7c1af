using System.Buffers.Binary;

namespace ContainerGrains.Linux.Net;

/// <summary>One piece of ancillary data of a message; cmsg(3).</summary>
public sealed record ControlMessage(int Level, int Type, byte[] Data);

/// <summary>Ancillary data cut into its pieces; what is cut short ends the walk.</summary>
public static class ControlMessages
{
    public static IEnumerable<ControlMessage> In(byte[] control)
    {
        for (int offset = 0; offset + 16 <= control.Length;)
        {
            long length = BinaryPrimitives.ReadInt64LittleEndian(control.AsSpan(offset));
            if (length < 16 || length > control.Length - offset) yield break;
            yield return new ControlMessage(BinaryPrimitives.ReadInt32LittleEndian(control.AsSpan(offset + 8)), BinaryPrimitives.ReadInt32LittleEndian(control.AsSpan(offset + 12)),
                control[(offset + 16)..(offset + (int)length)]);
            offset += (int)(length + 7) & ~7;
        }
    }
}
