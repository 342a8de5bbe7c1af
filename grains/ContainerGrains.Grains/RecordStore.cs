using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;

namespace ContainerGrains.Grains;

/// <summary>
/// The containers' records, read and written beside their grains: for placement (where are the processes?), for listings, and
/// for the deciding of moves while the grain's calls queue.
/// </summary>
public sealed class RecordStore(IServiceProvider services)
{
    /// <summary>Name of the grain storage that holds all records.</summary>
    public const string StorageName = "records";

    internal const string ContainerGrainType = "container";

    private readonly IGrainStorage _storage = services.GetRequiredKeyedService<IGrainStorage>(StorageName);

    public async Task<StoredRecord> ReadAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var state = new GrainState<ContainerRecord>(new ContainerRecord());
        await _storage.ReadStateAsync(ContainerRecord.StateName, IdOf(name), state);
        return new StoredRecord(state is { RecordExists: true, State.Exists: true } ? state.State : null, state.ETag);
    }

    /// <summary>Writes if the record is still what was read; false when another was faster.</summary>
    public async Task<bool> TryWriteAsync(string name, StoredRecord read, ContainerRecord next, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await _storage.WriteStateAsync(ContainerRecord.StateName, IdOf(name), new GrainState<ContainerRecord>(next, read.ETag) { RecordExists = read.Record is not null });
            return true;
        }
        catch (InconsistentStateException)
        {
            return false;
        }
    }

    private static GrainId IdOf(string name) => GrainId.Create(ContainerGrainType, name);
}

/// <summary>A record with the ETag it was read with; null when there is none.</summary>
public sealed record StoredRecord(ContainerRecord? Record, string? ETag);
