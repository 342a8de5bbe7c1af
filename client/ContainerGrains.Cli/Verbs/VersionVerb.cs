using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using ContainerGrains.Api;

namespace ContainerGrains.Cli.Verbs;

internal sealed class VersionVerb() : Verb("version", "", "Print the versions of cg and of the silo that answers.", "cg version", "cg version --json")
{
    public static string ClientVersion { get; } =
        typeof(VersionVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    public override int Run(ParseResult parsed, Cg cg)
    {
        ApiVersion? server = null;
        CgException? none = null;
        try
        {
            server = cg.Api.Get("/version", ApiJson.Default.ApiVersion);
        }
        catch (CgException e) when (e.Code == ApiErrorCode.NoSilo)
        {
            none = e;
        }
        if (cg.Json)
            cg.Out.Line(JsonSerializer.Serialize(new VersionResult(ClientVersion, server), CliJson.Relaxed.VersionResult));
        else
            cg.Out.Write($"client   {ClientVersion}\nserver   {(server is null ? none!.Message : $"{server.Version} on {server.Host} ({server.Runtime}, API {server.Api})")}\n");
        return 0;
    }
}
