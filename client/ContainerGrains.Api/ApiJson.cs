using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerGrains.Api;

/// <summary>How every type of the contract is written and read: generated code, no reflection.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ApiContainer))]
[JsonSerializable(typeof(IReadOnlyList<ApiContainer>))]
[JsonSerializable(typeof(IReadOnlyList<ApiProcess>))]
[JsonSerializable(typeof(IReadOnlyList<ApiHost>))]
[JsonSerializable(typeof(IReadOnlyList<ApiStats>))]
[JsonSerializable(typeof(IReadOnlyList<ApiProgress>))]
[JsonSerializable(typeof(ApiCordon))]
[JsonSerializable(typeof(ApiDrainRequest))]
[JsonSerializable(typeof(ApiDrain))]
[JsonSerializable(typeof(ApiCheckReport))]
[JsonSerializable(typeof(ApiVersion))]
[JsonSerializable(typeof(ApiCreateRequest))]
[JsonSerializable(typeof(ApiExecRequest))]
[JsonSerializable(typeof(ApiExecStarted))]
[JsonSerializable(typeof(ApiOutput))]
[JsonSerializable(typeof(ApiWait))]
[JsonSerializable(typeof(ApiMigrateRequest))]
[JsonSerializable(typeof(ApiMigrationEvent))]
[JsonSerializable(typeof(ApiCancelled))]
[JsonSerializable(typeof(ApiCheckpointRequest))]
[JsonSerializable(typeof(ApiRestoreRequest))]
[JsonSerializable(typeof(ApiTranslation))]
[JsonSerializable(typeof(ApiEvent))]
[JsonSerializable(typeof(ApiRemoved))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(SuspendedImage))]
public sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>For what people read: no \u0027 for an apostrophe. It never stands in HTML.</summary>
    public static ApiJson Relaxed { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
