using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerGrains.Engine;

/// <summary>Records as JSON: self-describing, and read strictly (an unknown or missing member is a damaged or newer image).</summary>
public static class RecordJson
{
    public static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        IncludeFields = true,
    };

    public static JsonElement? Write<T>(T? record) where T : class => record is null ? null : JsonSerializer.SerializeToElement(record, Options);

    /// <exception cref="EngineException">BadImage.</exception>
    public static T Read<T>(JsonElement element, string kind) where T : class
    {
        try
        {
            return element.Deserialize<T>(Options) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new EngineException(EngineError.BadImage, $"image: record {kind}", $"cannot be read ({e.Message}); the image is of another version or damaged", e);
        }
    }
}
