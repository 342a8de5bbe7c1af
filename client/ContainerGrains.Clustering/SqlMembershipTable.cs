using System.Data.Common;
using System.Globalization;
using Orleans;
using Orleans.Runtime;

namespace ContainerGrains.Clustering;

/// <summary>
/// Orleans' membership in a SQL table: rows with an ETag each, and one version of the whole table that every change of
/// status raises by one. Source: the contract of <see cref="IMembershipTable"/> (extended protocol).
/// </summary>
public sealed class SqlMembershipTable(SqlStore store, string clusterId) : IMembershipTable
{
    private const string Columns = "silo, etag, status, proxy_port, name, host, started, alive, suspects";

    public Task InitializeMembershipTable(bool tryInitTableVersion) => store.TransactAsync(async command =>
        await command.Set("INSERT INTO cg_cluster (cluster_id, version) VALUES (@cluster, 0) ON CONFLICT DO NOTHING", ("@cluster", clusterId))
            .ExecuteNonQueryAsync(), CancellationToken.None);

    public Task DeleteMembershipTableEntries(string clusterId) => store.TransactAsync(async command =>
    {
        await command.Set("DELETE FROM cg_silo WHERE cluster_id = @cluster", ("@cluster", clusterId)).ExecuteNonQueryAsync();
        return await command.Set("DELETE FROM cg_cluster WHERE cluster_id = @cluster", ("@cluster", clusterId)).ExecuteNonQueryAsync();
    }, CancellationToken.None);

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => store.TransactAsync(async command =>
        await command.Set("DELETE FROM cg_silo WHERE cluster_id = @cluster AND status = @dead AND alive < @before",
                ("@cluster", clusterId), ("@dead", (int)SiloStatus.Dead), ("@before", Text(beforeDate.UtcDateTime)))
            .ExecuteNonQueryAsync(), CancellationToken.None);

    public async Task<MembershipTableData> ReadRow(SiloAddress key) =>
        await ReadAsync("AND silo = @silo", ("@silo", key.ToParsableString()));

    public async Task<MembershipTableData> ReadAll() => await ReadAsync("", ("@silo", ""));

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => store.TransactAsync(async command =>
    {
        if (!await RaiseVersionAsync(command, tableVersion))
            return false;
        return await command.Set($"""
            INSERT INTO cg_silo (cluster_id, {Columns})
            VALUES (@cluster, @silo, 0, @status, @proxy, @name, @host, @started, @alive, @suspects) ON CONFLICT DO NOTHING
            """, Parameters(entry)).ExecuteNonQueryAsync() == 1 ? true : throw new LostRaceException();
    }, CancellationToken.None).FalseOnLostRaceAsync();

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => store.TransactAsync(async command =>
    {
        if (!await RaiseVersionAsync(command, tableVersion))
            return false;
        return await command.Set("""
            UPDATE cg_silo SET etag = etag + 1, status = @status, proxy_port = @proxy, name = @name, host = @host,
                started = @started, alive = @alive, suspects = @suspects
            WHERE cluster_id = @cluster AND silo = @silo AND etag = @etag
            """, [.. Parameters(entry), ("@etag", long.Parse(etag, CultureInfo.InvariantCulture))]).ExecuteNonQueryAsync() == 1
            ? true : throw new LostRaceException();
    }, CancellationToken.None).FalseOnLostRaceAsync();

    public Task UpdateIAmAlive(MembershipEntry entry) => store.TransactAsync(async command =>
        await command.Set("UPDATE cg_silo SET alive = @alive WHERE cluster_id = @cluster AND silo = @silo",
            ("@cluster", clusterId), ("@silo", entry.SiloAddress.ToParsableString()), ("@alive", Text(entry.IAmAliveTime)))
            .ExecuteNonQueryAsync(), CancellationToken.None);

    private async Task<bool> RaiseVersionAsync(DbCommand command, TableVersion version) =>
        await command.Set("UPDATE cg_cluster SET version = @version WHERE cluster_id = @cluster AND version = @before",
            ("@version", version.Version), ("@cluster", clusterId), ("@before", version.Version - 1)).ExecuteNonQueryAsync() == 1;

    private Task<MembershipTableData> ReadAsync(string filter, (string, object) parameter) => store.TransactAsync(async command =>
    {
        // One transaction: rows and version belong together.
        var entries = new List<Tuple<MembershipEntry, string>>();
        await using (DbDataReader reader = await command.Set($"SELECT {Columns} FROM cg_silo WHERE cluster_id = @cluster {filter}",
            ("@cluster", clusterId), parameter).ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
                entries.Add(Read(reader));
        }
        object? version = await command.Set("SELECT version FROM cg_cluster WHERE cluster_id = @cluster", ("@cluster", clusterId)).ExecuteScalarAsync();
        int number = Convert.ToInt32(version ?? 0, CultureInfo.InvariantCulture);
        return new MembershipTableData(entries, new TableVersion(number, number.ToString(CultureInfo.InvariantCulture)));
    }, CancellationToken.None);

    private (string, object)[] Parameters(MembershipEntry entry) =>
    [
        ("@cluster", clusterId),
        ("@silo", entry.SiloAddress.ToParsableString()),
        ("@status", (int)entry.Status),
        ("@proxy", entry.ProxyPort),
        ("@name", entry.SiloName ?? ""),
        ("@host", entry.HostName ?? ""),
        ("@started", Text(entry.StartTime)),
        ("@alive", Text(entry.IAmAliveTime)),
        ("@suspects", string.Join('|', (entry.SuspectTimes ?? []).Select(s => $"{s.Item1.ToParsableString()},{Text(s.Item2)}"))),
    ];

    private static Tuple<MembershipEntry, string> Read(DbDataReader reader) => Tuple.Create(new MembershipEntry
    {
        SiloAddress = SiloAddress.FromParsableString(reader.GetString(0)),
        Status = (SiloStatus)reader.GetInt32(2),
        ProxyPort = reader.GetInt32(3),
        SiloName = reader.GetString(4),
        HostName = reader.GetString(5),
        StartTime = Time(reader.GetString(6)),
        IAmAliveTime = Time(reader.GetString(7)),
        SuspectTimes = [.. reader.GetString(8).Split('|', StringSplitOptions.RemoveEmptyEntries).Select(Suspect)],
    }, reader.GetInt64(1).ToString(CultureInfo.InvariantCulture));

    private static Tuple<SiloAddress, DateTime> Suspect(string text)
    {
        int comma = text.LastIndexOf(',');
        return Tuple.Create(SiloAddress.FromParsableString(text[..comma]), Time(text[(comma + 1)..]));
    }

    // A fixed width, so that texts compare as times do.
    private static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    private static DateTime Time(string text) =>
        DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal);
}
