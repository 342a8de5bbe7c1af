using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ContainerGrains.Api;

namespace ContainerGrains.Cli;

/// <summary>What a verb did to one of several containers.</summary>
internal sealed record NameResult(string Name, int? ExitCode);

/// <summary>Answer of cg version.</summary>
internal sealed record VersionResult(string Client, ApiVersion? Server);

/// <summary>Answer of cg explain.</summary>
internal sealed record ExplainResult(string Topic, string Text, string Remedy);

/// <summary>JSON that cg makes itself, beside the API's.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(IReadOnlyList<NameResult>))]
[JsonSerializable(typeof(IReadOnlyList<ExplainResult>))]
[JsonSerializable(typeof(VersionResult))]
internal sealed partial class CliJson : JsonSerializerContext
{
    public static CliJson Relaxed { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
