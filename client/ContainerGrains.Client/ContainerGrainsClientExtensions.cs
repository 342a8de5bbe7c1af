using ContainerGrains.Clustering;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;
using ClusterOptions = ContainerGrains.Clustering.ClusterOptions;

namespace ContainerGrains.Client;

/// <summary>The one line that makes a service a client of the cluster.</summary>
public static class ContainerGrainsClientExtensions
{
    // Long enough for any quick call, short enough that a dead silo does not hold a caller up; slow methods carry limits of their own.
    private static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConnectRetryDelay = TimeSpan.FromMilliseconds(500);
    private const int MaxConnectAttempts = 60;

    /// <summary>
    /// Registers <see cref="ContainerCluster"/>. The cluster's store is read from the section "Cluster" of the configuration
    /// (Store, Path or ConnectionString, ClusterId); <paramref name="configure"/> may change it.
    /// </summary>
    public static IHostApplicationBuilder AddContainerGrains(this IHostApplicationBuilder builder, Action<ClusterOptions>? configure = null)
    {
        var options = new ClusterOptions();
        builder.Configuration.GetSection(ClusterOptions.Section).Bind(options);
        configure?.Invoke(options);
        builder.UseOrleansClient(client => Configure(client, options));
        return builder;
    }

    /// <inheritdoc cref="AddContainerGrains(IHostApplicationBuilder, Action{ClusterOptions}?)"/>
    public static IHostBuilder AddContainerGrains(this IHostBuilder builder, Action<ClusterOptions>? configure = null) =>
        builder.UseOrleansClient((context, client) =>
        {
            var options = new ClusterOptions();
            context.Configuration.GetSection(ClusterOptions.Section).Bind(options);
            configure?.Invoke(options);
            Configure(client, options);
        });

    private static void Configure(IClientBuilder client, ClusterOptions options)
    {
        int attempts = 0;
        client.UseClusterStore(options)
            .AddActivityPropagation()
            .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = ResponseTimeout)
            .UseConnectionRetryFilter(async (_, cancellationToken) =>
            {
                await Task.Delay(ConnectRetryDelay, cancellationToken);
                return Interlocked.Increment(ref attempts) < MaxConnectAttempts;
            });
        client.Services.TryAddSingleton(TimeProvider.System);
        client.Services.TryAddSingleton<ContainerCluster>();
    }
}
