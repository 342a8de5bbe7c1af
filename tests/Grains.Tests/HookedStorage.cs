using Orleans.Runtime;
using Orleans.Storage;

namespace ContainerGrains.Grains.Tests;

/// <summary>The real storage, with hooks around the writes of containers' records.</summary>
public sealed class HookedStorage(IGrainStorage inner, FakeWorld world) : IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => inner.ReadStateAsync(stateName, grainId, grainState);
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => inner.ClearStateAsync(stateName, grainId, grainState);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string name = grainId.Key.ToString()!;
        if (grainState.State is ContainerRecord before)
        {
            await world.AtAsync(name, "write");
            if (world.BeforeWrite is { } hook)
                await hook(name, before);
        }
        string? etag = grainState.ETag;
        await inner.WriteStateAsync(stateName, grainId, grainState);
        if (grainState.State is not ContainerRecord after)
            return;
        try
        {
            if (world.AfterWrite is { } hook)
                await hook(name, after);
            await world.AtAsync(name, "written");
        }
        catch
        {
            // The answer is lost, and with it the tag.
            grainState.ETag = etag;
            throw;
        }
    }
}
