using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ContainerGrains.Api;

namespace ContainerGrains.Cli.Verbs;

internal sealed class EventsVerb() : Verb("events", "", "Tell changes of containers as they happen, until Ctrl-C.", "cg events", "cg events --json")
{
    public override int Run(ParseResult parsed, Cg cg)
    {
        foreach (ApiEvent e in cg.Api.Lines("GET", "/events", null, ApiJson.Default.ApiEvent))
        {
            cg.Out.Line(cg.Json
                ? JsonSerializer.Serialize(e, ApiJson.Relaxed.ApiEvent)
                : $"{e.Time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)} {e.Name} {e.Type} {e.State} on {e.Host ?? "no host"}, generation {e.Generation}");
        }
        throw new Http.ConnectionLostException(cg.Api.SocketPath);
    }
}
