using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace ContainerGrains.Cli.Tests;

/// <summary>docs/openapi.json is what the silo serves.</summary>
public sealed class OpenApiTests
{
    private const string Update = "CG_UPDATE_OPENAPI";

    [Fact]
    public async Task The_document_in_docs_is_the_one_that_is_served()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        string served = await GetAsync(machine.Socket("host-a"), "/openapi/v1.json");
        string path = Path.Combine(RepositoryRoot(), "docs", "openapi.json");
        if (Environment.GetEnvironmentVariable(Update) is { Length: > 0 })
            await File.WriteAllTextAsync(path, served, TestContext.Current.CancellationToken);
        string kept = File.Exists(path) ? await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken) : "";
        Assert.True(served == kept,
            $"docs/openapi.json is not what the API serves. If the change is wanted: {Update}=1 dotnet run --project tests/Cli.Tests -- -class {typeof(OpenApiTests).FullName}, and commit the file.");
    }

    [Fact]
    public async Task Every_operation_has_a_name_and_a_sentence()
    {
        await using TestMachine machine = await TestMachine.StartAsync();
        using var document = System.Text.Json.JsonDocument.Parse(await GetAsync(machine.Socket("host-a"), "/openapi/v1.json"));
        var operations = document.RootElement.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject()).ToList();
        Assert.True(operations.Count > 25);
        Assert.All(operations, o => Assert.NotEmpty(o.Value.GetProperty("operationId").GetString()!));
        Assert.All(operations, o => Assert.NotEmpty(o.Value.GetProperty("summary").GetString()!));
    }

    private static async Task<string> GetAsync(string socketPath, string path)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        return await http.GetStringAsync($"http://localhost{path}", TestContext.Current.CancellationToken);
    }

    private static string RepositoryRoot([CallerFilePath] string thisFile = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", ".."));
}
