using System.Text;

namespace ContainerGrains.Cluster.Tests;

/// <summary>As much of protobuf's wire format as is needed to find one's way in a message.</summary>
internal static class Protobuf
{
    /// <param name="Bytes">Of a field of bytes, text or a message; empty for numbers.</param>
    public sealed record Field(int Number, byte[] Bytes)
    {
        public string Text => Encoding.UTF8.GetString(Bytes);
    }

    public static IEnumerable<Field> Fields(byte[] message)
    {
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(message, ref at);
            int number = (int)(tag >> 3), length = 0;
            switch (tag & 7)
            {
                case 0: Varint(message, ref at); break;
                case 1: at += 8; break;
                case 2: length = (int)Varint(message, ref at); break;
                case 5: at += 4; break;
                default: throw new InvalidDataException($"wire type {tag & 7} at {at}");
            }
            yield return new Field(number, message[at..(at + length)]);
            at += length;
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = message[at++];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
    }
}
