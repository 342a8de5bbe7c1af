using OpenTelemetry;
using OpenTelemetry.Resources;

namespace ContainerGrains.Silo;

/// <summary>Traces and metrics leave the process only when the standard OTEL_EXPORTER_OTLP_* variables say where to.</summary>
internal static class Telemetry
{
    private static readonly string[] ExporterVariables =
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];

    public static IServiceCollection AddContainerTelemetry(this IServiceCollection services, SiloOptions options)
    {
        if (!ExporterVariables.Any(v => Environment.GetEnvironmentVariable(v) is { Length: > 0 }))
            return services;
        services.AddOpenTelemetry()
            .ConfigureResource(r => r.AddService("containergrains-silo", serviceInstanceId: options.HostName))
            .WithTracing(t => t.AddSource(ContainerTelemetry.Name, "Microsoft.Orleans.Runtime", "Microsoft.Orleans.Application"))
            .WithMetrics(m => m.AddMeter(ContainerTelemetry.Name, "Microsoft.Orleans"))
            .UseOtlpExporter();
        return services;
    }
}
