using Orleans.Runtime;
using Orleans.Storage;

namespace ContainerGrains.Grains.Tests;

/// <summary>The real storage, with hooks before and after the writes of containers' records.</summary>
public sealed class HookedStorage(IGrainStorage inner, FakeWorld world) : IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => inner.ReadStateAsync(stateName, grainId, grainState);
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => inner.ClearStateAsync(stateName, grainId, grainState);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (grainState.State is ContainerRecord before && world.BeforeWrite is { } hook)
            await hook(grainId.Key.ToString()!, before);
        await inner.WriteStateAsync(stateName, grainId, grainState);
        if (grainState.State is ContainerRecord after && world.AfterWrite is { } afterHook)
            await afterHook(grainId.Key.ToString()!, after);
    }
}
