using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Storage;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace ContainerGrains.Clustering;

/// <summary>Puts a silo or a client on the cluster's store, whichever it is.</summary>
public static class ClusterStoreExtensions
{
    /// <summary>Name of the grain storage that holds all records.</summary>
    public const string RecordStorage = "records";

    public static ISiloBuilder UseClusterStore(this ISiloBuilder silo, ClusterOptions options)
    {
        silo.Configure<Orleans.Configuration.ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (options.ClusterId, options.ServiceId));
        if (options.Store == ClusterStore.Redis)
        {
            ConfigurationOptions redis = ConfigurationOptions.Parse(options.ConnectionString);
            return silo
                .UseRedisClustering(o => o.ConfigurationOptions = redis)
                .AddRedisGrainStorage(RecordStorage, o =>
                {
                    o.ConfigurationOptions = redis;
                    o.GrainStorageSerializer = new RecordSerializer();
                });
        }
        silo.Services.AddSingleton(_ => new SqlStore(options));
        silo.Services.AddSingleton<IMembershipTable>(s => new SqlMembershipTable(s.GetRequiredService<SqlStore>(), options.ClusterId));
        silo.Services.AddKeyedSingleton<IGrainStorage>(RecordStorage,
            (s, _) => new SqlGrainStorage(s.GetRequiredService<SqlStore>(), options.ServiceId, new RecordSerializer()));
        return silo;
    }

    public static IClientBuilder UseClusterStore(this IClientBuilder client, ClusterOptions options)
    {
        client.Configure<Orleans.Configuration.ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (options.ClusterId, options.ServiceId));
        if (options.Store == ClusterStore.Redis)
            return client.UseRedisClustering(o => o.ConfigurationOptions = ConfigurationOptions.Parse(options.ConnectionString));
        client.Services.AddSingleton(_ => new SqlStore(options));
        client.Services.AddSingleton<IGatewayListProvider>(s =>
            new SqlGatewayListProvider(new SqlMembershipTable(s.GetRequiredService<SqlStore>(), options.ClusterId)));
        return client;
    }
}
