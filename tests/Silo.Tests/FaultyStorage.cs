using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace ContainerGrains.Silo.Tests;

/// <summary>A store that can fall silent.</summary>
public sealed class FaultyStorage(IGrainStorage inner) : IGrainStorage
{
    public volatile bool Silent;
    public int Refused;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Pass(() => inner.ReadStateAsync(stateName, grainId, grainState));
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Pass(() => inner.WriteStateAsync(stateName, grainId, grainState));
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Pass(() => inner.ClearStateAsync(stateName, grainId, grainState));

    private Task Pass(Func<Task> work)
    {
        if (!Silent)
            return work();
        Interlocked.Increment(ref Refused);
        throw new IOException("the store does not answer");
    }
}
