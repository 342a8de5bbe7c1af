namespace ContainerGrains.Cluster.Tests;

/// <summary>Three hosts that most tests share. Each test removes its containers and brings back what it has killed.</summary>
public sealed class MainCluster : IDisposable
{
    internal LocalCluster Cluster { get; } = new(3);

    public void Dispose() => Cluster.Dispose();

    [CollectionDefinition(nameof(MainCluster))]
    public sealed class Collection : ICollectionFixture<MainCluster>;
}
