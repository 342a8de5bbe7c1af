using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerGrains.Engine;

/// <summary>What an engine writes down of a container that runs, for the engine after it.</summary>
/// <param name="BootId">Of the machine's run in which that was so: afterwards no pid means anything.</param>
/// <param name="LinkName">Host's end of its interface; null: none.</param>
/// <param name="Execs">Those that run, by id.</param>
internal sealed record ContainerState(
    string BootId, ContainerConfig Config, int Pidspace, ProcessIdentity Init, DateTimeOffset StartedAt, IReadOnlyList<string> Warnings, string? LinkName,
    IReadOnlyDictionary<string, ContainerState.Exec> Execs)
{
    public sealed record Exec(ProcessIdentity Process, int VirtualPid);

    // A newer silo may have forgotten what an older one has written; what it needs and does not find makes the file unreadable.
    private static readonly JsonSerializerOptions Options = new(RecordJson.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    public static string CurrentBootId { get; } = Linux.Files.ReadText("/proc/sys/kernel/random/boot_id").Trim();

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, Options);

    /// <exception cref="JsonException">Of another version, or damaged.</exception>
    public static ContainerState Parse(byte[] bytes) => JsonSerializer.Deserialize<ContainerState>(bytes, Options) ?? throw new JsonException("null");
}
