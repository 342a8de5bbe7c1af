using System.Reflection;

namespace ContainerGrains.Cli.Tests.Fakes;

/// <summary>An IGrainFactory that hands out a cluster's fakes; all other members are refused.</summary>
public class FakeGrainFactory : DispatchProxy
{
    private FakeCluster _cluster = null!;

    public static IGrainFactory Create(FakeCluster cluster)
    {
        IGrainFactory factory = Create<IGrainFactory, FakeGrainFactory>();
        ((FakeGrainFactory)factory)._cluster = cluster;
        return factory;
    }

    protected override object? Invoke(MethodInfo? method, object?[]? args)
    {
        if (method is { Name: "GetGrain", IsGenericMethod: true })
        {
            Type type = method.GetGenericArguments()[0];
            if (type == typeof(IClusterGrain))
                return _cluster;
            if (type == typeof(IContainerGrain))
                return _cluster.Container((string)args![0]!);
            if (type == typeof(IDrainGrain))
                return _cluster.Drain((string)args![0]!);
            if (type == typeof(IHostGrain))
                return new FakeHost(_cluster, (string)args![0]!);
        }
        throw new NotSupportedException(method?.ToString());
    }
}
