using System.Text.Json;
using ContainerGrains.Api;
using ContainerGrains.Cli.Http;
using ContainerGrains.Cli.Output;

namespace ContainerGrains.Cli;

/// <summary>What a verb works with: the API, the outputs, and whether programs or people read them.</summary>
internal sealed class Cg(Surroundings surroundings)
{
    private ApiClient? _api;

    public Surroundings Surroundings { get; } = surroundings;
    public Printer Out { get; } = new(surroundings.Out);
    public Printer Err { get; } = new(surroundings.Error);
    public bool Json { get; set; }
    public string? SocketOption { get; set; }

    /// <summary>The silo of this machine that answers first, or the one that was named.</summary>
    /// <exception cref="CgException">NoSilo.</exception>
    public ApiClient Api => _api ??= Discovery.Find();

    public SiloDiscovery Discovery => field ??= new SiloDiscovery(SocketOption, Surroundings.Environment);

    /// <summary>Looks for a silo again, after the one that was used has gone.</summary>
    public void Reconnect() => _api = Discovery.Find();

    public void Error(CgException e)
    {
        if (Json)
            Err.Line(JsonSerializer.Serialize(new ApiProblem(e.Code, e.Message), ApiJson.Relaxed.ApiProblem));
        else
            Err.Line(e.Code is ApiErrorCode.Usage or ApiErrorCode.NoSilo ? $"cg: {e.Message}" : $"cg: {e.Message} [{e.Code}]");
    }

    /// <summary>What was done, but not in full: beside the output, also of JSON.</summary>
    public void Warn(IReadOnlyList<string> warnings)
    {
        foreach (string warning in warnings)
            Err.Line($"cg: warning: {warning}");
    }

    /// <summary>The API's own JSON, as it came.</summary>
    public void PrintJson(byte[] json)
    {
        Out.Write(json);
        Out.Write("\n"u8);
    }
}
