using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ContainerGrains.Api;

namespace ContainerGrains.Cli.Http;

/// <summary>Calls to one silo's local API. Paths are given without the version.</summary>
/// <param name="opened">A connection that discovery has made; it serves the first call.</param>
internal sealed class ApiClient(string socketPath, string? traceParent, HttpExchange opened)
{
    private const string Json = "application/json";
    private const string OctetStream = "application/octet-stream";
    private const int MaxLineBytes = 16 << 20;

    private HttpExchange? _opened = opened;

    public string SocketPath => socketPath;

    public T Get<T>(string path, JsonTypeInfo<T> type) => Parse(Call("GET", path), type);

    public T Post<T>(string path, JsonTypeInfo<T> type) => Parse(Call("POST", path), type);

    /// <summary>The answer's JSON, as it came.</summary>
    /// <exception cref="CgException">What the API answered.</exception>
    public byte[] Call(string method, string path, byte[]? body = null)
    {
        using HttpExchange exchange = Begin(method, path, body);
        return ReadAll(exchange);
    }

    public byte[] Call<T>(string method, string path, T body, JsonTypeInfo<T> type) => Call(method, path, JsonSerializer.SerializeToUtf8Bytes(body, type));

    /// <summary>A stream's lines, each parsed when it arrives.</summary>
    public IEnumerable<T> Lines<T>(string method, string path, byte[]? body, JsonTypeInfo<T> type)
    {
        using HttpExchange exchange = Begin(method, path, body);
        using var line = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        int read;
        while ((read = exchange.Read(buffer)) > 0)
        {
            int from = 0;
            for (int newline; (newline = Array.IndexOf(buffer, (byte)'\n', from, read - from)) >= 0; from = newline + 1)
            {
                line.Write(buffer, from, newline - from);
                T value = Parse(line.GetBuffer().AsSpan(0, (int)line.Length), type);
                line.SetLength(0);
                yield return value;
            }
            line.Write(buffer, from, read - from);
            if (line.Length > MaxLineBytes)
                throw new ConnectionLostException(socketPath);
        }
    }

    /// <summary>Writes the answer's bytes into <paramref name="destination"/>.</summary>
    public void Download(string path, Stream destination)
    {
        using HttpExchange exchange = Begin("POST", path, null);
        byte[] buffer = new byte[256 << 10];
        for (int read; (read = exchange.Read(buffer)) > 0;)
            destination.Write(buffer, 0, read);
    }

    /// <summary>Sends a file; the answer's JSON.</summary>
    public byte[] Upload(string path, Stream source, long length)
    {
        using HttpExchange exchange = Open();
        exchange.Send("POST", Versioned(path), OctetStream, source, length, traceParent);
        Check(exchange);
        return ReadAll(exchange);
    }

    private HttpExchange Begin(string method, string path, byte[]? body)
    {
        HttpExchange exchange = Open();
        try
        {
            exchange.Send(method, Versioned(path), body is null ? null : Json, body is null ? null : new MemoryStream(body), body?.Length ?? 0, traceParent);
            Check(exchange);
            return exchange;
        }
        catch
        {
            exchange.Dispose();
            throw;
        }
    }

    private HttpExchange Open()
    {
        if (Interlocked.Exchange(ref _opened, null) is { } first)
            return first;
        try
        {
            return HttpExchange.Open(socketPath);
        }
        catch (SocketException e)
        {
            throw SiloDiscovery.NoAnswer(socketPath, e);
        }
    }

    private void Check(HttpExchange exchange)
    {
        if (exchange.Status < 400)
            return;
        byte[] body = ReadAll(exchange);
        try
        {
            if (JsonSerializer.Deserialize(body, ApiJson.Default.ApiProblem) is { Code: not null, Message: not null } problem)
                throw CgException.Of(problem);
        }
        catch (JsonException)
        {
            // Something else than our API answered; its status is all there is to tell.
        }
        throw new CgException(ApiErrorCode.Internal, $"What answers at {socketPath} says HTTP {exchange.Status}; is it a ContainerGrains silo?");
    }

    private T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new CgException(ApiErrorCode.Internal, $"The answer of {socketPath} is not what this cg expects ({e.Message}); 'cg version' compares the two.");
        }
    }

    private static byte[] ReadAll(HttpExchange exchange)
    {
        using var body = new MemoryStream();
        byte[] buffer = new byte[16 << 10];
        for (int read; (read = exchange.Read(buffer)) > 0;)
            body.Write(buffer, 0, read);
        return body.ToArray();
    }

    private static string Versioned(string path) => $"/{ApiVersion.Current}{path}";
}
