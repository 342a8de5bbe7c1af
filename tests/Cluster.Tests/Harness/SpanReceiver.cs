using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ContainerGrains.Cluster.Tests;

/// <param name="Host">The service instance that has exported it.</param>
internal sealed record Span(string TraceId, string Name, string Service, string Host);

/// <summary>A collector of traces: OTLP over HTTP with protobuf, listening in a cluster's client namespace.</summary>
internal sealed class SpanReceiver : IDisposable
{
    private const string Address = "10.88.0.2";
    private const int Port = 4318;
    private readonly ConcurrentQueue<Span> _spans = new();
    private readonly WebApplication _app;

    public SpanReceiver(TestNetwork client)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseSockets(o => o.CreateBoundListenSocket = endPoint => client.Run(() => Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets.SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint)));
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Parse(Address), Port));
        _app = builder.Build();
        _app.MapPost("/v1/traces", ReceiveAsync);
        _app.MapPost("/v1/metrics", () => Results.Ok());
        _app.StartAsync().GetAwaiter().GetResult();
    }

    /// <summary>What silos need to know, by the standard variables.</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://{Address}:{Port}",
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
    };

    public IReadOnlyList<Span> Of(string traceId) => [.. _spans.Where(s => s.TraceId == traceId)];

    public void Dispose() => _app.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<IResult> ReceiveAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        foreach (Span span in Read(body.ToArray())) _spans.Enqueue(span);
        return Results.Bytes([], "application/x-protobuf");
    }

    // opentelemetry/proto/trace/v1/trace.proto: ExportTraceServiceRequest.resource_spans = 1 { resource = 1, scope_spans = 2 { spans = 2 } }.
    private static IEnumerable<Span> Read(byte[] request)
    {
        foreach (Protobuf.Field resourceSpans in Protobuf.Fields(request).Where(f => f.Number == 1))
        {
            Dictionary<string, string> attributes = Protobuf.Fields(resourceSpans.Bytes).Where(f => f.Number == 1).SelectMany(r => Protobuf.Fields(r.Bytes)).Where(f => f.Number == 1)
                .Select(a => Protobuf.Fields(a.Bytes).ToArray()).ToDictionary(a => a.First(f => f.Number == 1).Text, a => Protobuf.Fields(a.First(f => f.Number == 2).Bytes).FirstOrDefault(f => f.Number == 1)?.Text ?? "");
            foreach (Protobuf.Field span in Protobuf.Fields(resourceSpans.Bytes).Where(f => f.Number == 2).SelectMany(s => Protobuf.Fields(s.Bytes)).Where(f => f.Number == 2))
            {
                Protobuf.Field[] fields = [.. Protobuf.Fields(span.Bytes)];
                yield return new Span(Convert.ToHexStringLower(fields.First(f => f.Number == 1).Bytes), fields.First(f => f.Number == 5).Text, attributes["service.name"], attributes["service.instance.id"]);
            }
        }
    }
}
