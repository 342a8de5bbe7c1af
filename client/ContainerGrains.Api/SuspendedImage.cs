using System.Buffers.Binary;
using System.Text.Json;

namespace ContainerGrains.Api;

/// <summary>
/// What a suspended container's file begins with, so that it can be carried to another cluster: 8 bytes magic with a version,
/// 4 bytes length (little endian), the header as JSON; then the image, <see cref="ImageBytes"/> long.
/// </summary>
public sealed record SuspendedImage
{
    private static ReadOnlySpan<byte> Magic => "CGSUSP1\n"u8;

    /// <summary>Longest header; an environment is at most 2 MiB on Linux.</summary>
    private const int MaxHeaderBytes = 8 << 20;

    public required string Name { get; init; }
    public required ApiSpec Spec { get; init; }
    public required ApiCheckpoint Report { get; init; }
    public long ImageBytes { get; init; }

    /// <summary>The header as it stands in the file.</summary>
    public byte[] ToBytes()
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(this, ApiJson.Default.SuspendedImage);
        byte[] bytes = new byte[Magic.Length + sizeof(int) + json.Length];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(Magic.Length), json.Length);
        json.CopyTo(bytes, Magic.Length + sizeof(int));
        return bytes;
    }

    /// <summary>Reads the header; the stream then stands at the image's first byte.</summary>
    /// <exception cref="InvalidDataException">It is not such a file, is of a later version, or is cut short.</exception>
    public static async ValueTask<SuspendedImage> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] prefix = new byte[Magic.Length + sizeof(int)];
        await FillAsync(stream, prefix, cancellationToken).ConfigureAwait(false);
        int length = CheckPrefix(prefix);
        byte[] json = new byte[length];
        await FillAsync(stream, json, cancellationToken).ConfigureAwait(false);
        return Parse(json);
    }

    private static int CheckPrefix(ReadOnlySpan<byte> prefix)
    {
        if (!prefix.StartsWith(Magic))
            throw new InvalidDataException(prefix.StartsWith(Magic[..6])
                ? "the file was written by another version of ContainerGrains"
                : "the file is not a suspended container");
        int length = BinaryPrimitives.ReadInt32LittleEndian(prefix[Magic.Length..]);
        return length is > 0 and <= MaxHeaderBytes ? length : throw new InvalidDataException("the file's header is damaged");
    }

    private static SuspendedImage Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ApiJson.Default.SuspendedImage) ?? throw new InvalidDataException("the file's header is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the file's header is damaged ({e.Message})", e);
        }
    }

    private static async ValueTask FillAsync(Stream stream, byte[] buffer, CancellationToken cancellationToken)
    {
        int read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read < buffer.Length)
            throw new InvalidDataException("the file is cut short");
    }
}
