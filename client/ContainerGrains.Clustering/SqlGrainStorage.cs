using System.Data.Common;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace ContainerGrains.Clustering;

/// <summary>Grain records in a SQL table; a write or clear succeeds only with the ETag that was read.</summary>
public sealed class SqlGrainStorage(SqlStore store, string serviceId, IGrainStorageSerializer serializer) : IGrainStorage
{
    private const string Key = "service_id = @service AND grain = @grain AND state = @state";

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        (string Etag, byte[] Data)? row = await store.ReadAsync<(string, byte[])?>(async command =>
        {
            await using DbDataReader reader = await command
                .Set($"SELECT etag, data FROM cg_record WHERE {Key}", Keys(stateName, grainId)).ExecuteReaderAsync();
            return await reader.ReadAsync() ? (reader.GetString(0), (byte[])reader.GetValue(1)) : null;
        }, CancellationToken.None);
        grainState.RecordExists = row is not null;
        grainState.ETag = row?.Etag;
        grainState.State = row is { } found ? serializer.Deserialize<T>(BinaryData.FromBytes(found.Data)) : Activator.CreateInstance<T>();
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        byte[] data = serializer.Serialize(grainState.State).ToArray();
        string next = Guid.NewGuid().ToString("N");
        bool written = await store.TransactAsync(async command => grainState.ETag is null
            ? await command.Set("""
                INSERT INTO cg_record (service_id, grain, state, etag, data) VALUES (@service, @grain, @state, @next, @data)
                ON CONFLICT DO NOTHING
                """, [.. Keys(stateName, grainId), ("@next", next), ("@data", data)]).ExecuteNonQueryAsync() == 1
            : await command.Set($"UPDATE cg_record SET etag = @next, data = @data WHERE {Key} AND etag = @etag",
                [.. Keys(stateName, grainId), ("@next", next), ("@data", data), ("@etag", grainState.ETag)]).ExecuteNonQueryAsync() == 1,
            CancellationToken.None);
        if (!written)
            throw Conflict(stateName, grainId, grainState.ETag);
        grainState.ETag = next;
        grainState.RecordExists = true;
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (grainState.ETag is { } etag)
        {
            bool cleared = await store.TransactAsync(async command =>
                await command.Set($"DELETE FROM cg_record WHERE {Key} AND etag = @etag", [.. Keys(stateName, grainId), ("@etag", etag)])
                    .ExecuteNonQueryAsync() == 1, CancellationToken.None);
            if (!cleared)
                throw Conflict(stateName, grainId, etag);
        }
        grainState.ETag = null;
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
    }

    private (string, object)[] Keys(string stateName, GrainId grainId) =>
        [("@service", serviceId), ("@grain", grainId.ToString()), ("@state", stateName)];

    private static InconsistentStateException Conflict(string stateName, GrainId grainId, string? etag) =>
        new($"The record '{stateName}' of {grainId} was written by another.", "unknown", etag ?? "none");
}
