using System.Net;
using ContainerGrains.Clustering;
using ContainerGrains.Engine;
using ContainerGrains.Silo.Api;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using ClusterOptions = ContainerGrains.Clustering.ClusterOptions;

namespace ContainerGrains.Silo;

/// <summary>Puts a silo together.</summary>
public static class SiloComposition
{
    // What the silo itself takes, after the drain.
    private static readonly TimeSpan RestOfShutdown = TimeSpan.FromSeconds(30);

    public static WebApplicationBuilder AddContainerGrainsSilo(this WebApplicationBuilder builder)
    {
        SiloOptions silo = builder.Bind<SiloOptions>(SiloOptions.Section);
        ClusterOptions cluster = builder.Bind<ClusterOptions>(ClusterOptions.Section);

        builder.Bind<NetworkOptions>(NetworkOptions.Section);
        builder.Bind<TlsOptions>(TlsOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<TlsOptions>, TlsOptionsCheck>();
        builder.AddApi(silo);
        builder.Services.AddContainerHost(silo);
        builder.Services.AddContainerTelemetry(silo);
        builder.UseOrleans(orleans => orleans
            .UseClusterStore(cluster)
            .Configure<Orleans.Configuration.SiloOptions>(o => o.SiloName = silo.HostName)
            .Configure<EndpointOptions>(o =>
            {
                o.AdvertisedIPAddress = silo.ParsedAddress;
                o.SiloPort = silo.SiloPort;
                o.GatewayPort = silo.GatewayPort;
                o.SiloListeningEndpoint = new IPEndPoint(silo.ParsedAddress, silo.SiloPort);
                o.GatewayListeningEndpoint = new IPEndPoint(silo.ParsedAddress, silo.GatewayPort);
            })
            .UseFastFailureDetection()
            .AddContainerGrains(silo.MigrateTimeout)
            .AddActivityPropagation());
        // Behind the silo: it asks the store, and wakes grains.
        builder.Services.AddHostedService<FoundContainersSettler>();
        // Behind Orleans' own service: services stop in the reverse order, and a drain needs the silo.
        if (silo.DrainOnStop)
        {
            builder.Services.AddHostedService<DrainOnStop>();
            builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = silo.DrainTimeout + RestOfShutdown);
        }
        return builder;
    }

    /// <summary>
    /// A dead silo is declared dead within about three seconds, and a cluster whose silos were all killed starts again within seconds:
    /// a container's callers wait for nothing else.
    /// </summary>
    private static ISiloBuilder UseFastFailureDetection(this ISiloBuilder orleans) => orleans.Configure<ClusterMembershipOptions>(o =>
    {
        o.ProbeTimeout = o.MinProbeTimeout = o.MaxProbeTimeout = TimeSpan.FromSeconds(1);
        o.NumMissedProbesLimit = 3;
        o.NumVotesForDeathDeclaration = 2;
        o.IAmAliveTablePublishTimeout = o.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        // With it, votes against a silo whose connection merely looks alive are suppressed for a minute.
        o.EnableConnectionLivenessCheck = false;
    });

    private static void AddContainerHost(this IServiceCollection services, SiloOptions silo)
    {
        services.TryAddSingleton<IContainerEngine>(_ => new ContainerEngine(new EngineOptions
        {
            StateDirectory = silo.StateDirectory,
            HostName = silo.HostName,
            CgroupParent = silo.CgroupParent,
            Bridge = silo.Bridge.Length == 0 ? null : silo.Bridge,
        }));
        services.AddSingleton<ContainerHost>();
        services.AddSingleton<IContainerHost>(s => s.GetRequiredService<ContainerHost>());
        services.AddHostedService<DataListener>();
        services.AddHostedService<SiloPriority>();
        services.AddHostedService<EngineWarmUp>();
    }

    private static void AddApi(this WebApplicationBuilder builder, SiloOptions silo)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenOnApiSocket(silo.ApiSocket));
        // A dozen lines for every request otherwise; who wants them sets Logging:LogLevel:Microsoft.AspNetCore.
        if (builder.Configuration["Logging:LogLevel:Microsoft.AspNetCore"] is null)
            builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Services.AddContainerGrainsApi(api =>
        {
            api.HostName = silo.HostName;
            api.SocketPath = silo.ApiSocket;
            api.ImagesDirectory = Path.Combine(silo.StateDirectory, "uploads");
        });
    }

    private static T Bind<T>(this WebApplicationBuilder builder, string section) where T : class, new()
    {
        builder.Services.AddOptions<T>().BindConfiguration(section).ValidateDataAnnotations().ValidateOnStart();
        var options = new T();
        builder.Configuration.GetSection(section).Bind(options);
        return options;
    }
}
