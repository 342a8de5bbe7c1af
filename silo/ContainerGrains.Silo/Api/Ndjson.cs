using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ContainerGrains.Silo.Api;

/// <summary>Streams: one JSON object a line, sent at once.</summary>
internal static class Ndjson
{
    public const string ContentType = "application/x-ndjson";

    public static async Task WriteLineAsync<T>(HttpResponse response, T value, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        if (!response.HasStarted)
            response.ContentType = ContentType;
        PipeWriter body = response.BodyWriter;
        using (var writer = new Utf8JsonWriter(body))
            JsonSerializer.Serialize(writer, value, type);
        body.Write("\n"u8);
        await body.FlushAsync(cancellationToken);
    }
}
