using System.Text.Json;
using System.Text.Json.Serialization;
using Orleans.Storage;

namespace ContainerGrains.Clustering;

/// <summary>Records are JSON, in every store: readable by people and by other languages, tolerant of new members.</summary>
public sealed class RecordSerializer : IGrainStorageSerializer
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public BinaryData Serialize<T>(T? input) => BinaryData.FromBytes(JsonSerializer.SerializeToUtf8Bytes(input, Options));

    public T Deserialize<T>(BinaryData input) =>
        JsonSerializer.Deserialize<T>(input, Options) ?? throw new JsonException("A record holds null.");
}
